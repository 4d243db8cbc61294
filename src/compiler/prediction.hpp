#pragma once

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"

/// What a compiled plan will do, measured on its own integers: sizes of values and the effect of encryption noise.
namespace obscura::compiler {

/// Fills Layer::peak and Layer::rms, and Plan::calibration_headroom_bits (value_range.hpp), idle tiles included.
void record_peaks(plan::Plan& plan, const io::Images& images, ThreadPool& pool);

/// Fills Layer::predicted_error and Plan::predicted_score_error_*: simulates the noise on at most 64 of the images.
void predict_noise(plan::Plan& plan, const io::Images& images, ThreadPool& pool);

}  // namespace obscura::compiler
