#pragma once

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"

/// What a compiled plan will do, measured on its own integers: sizes of values and the effect of encryption noise.
namespace obscura::compiler {

/// Fills Layer::peak and Layer::rms, and Plan::calibration_headroom_bits. Besides the images themselves it runs what
/// idle tiles compute: the images rolled by 1 .. gap-1 tiles, for the largest gap of the plan's layouts.
void record_peaks(plan::Plan& plan, const io::Images& images, ThreadPool& pool);

/// log2 of (largest |z| whose square the modulus holds / peak), or of the head's sum; infinite for other layers.
double headroom_bits(const plan::Plan& plan, const plan::Layer& layer);

/// Fills Layer::predicted_error and Plan::predicted_score_error_*: simulates the noise on at most 64 of the images.
void predict_noise(plan::Plan& plan, const io::Images& images, ThreadPool& pool);

}  // namespace obscura::compiler
