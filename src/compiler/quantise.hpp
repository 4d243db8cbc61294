#pragma once

#include "compiler/calibration.hpp"
#include "compiler/compile.hpp"
#include "compiler/feature_samples.hpp"
#include "compiler/planner.hpp"
#include "compiler/sensitivity.hpp"
#include "plan/plan.hpp"

namespace obscura::compiler {

/// Integer weights, biases and scales for the network. Output channel o of a square layer holds z = scale[o] * real z
/// with scale[o] from balanced_scales, and its output u = z^2 has scale[o]^2; weights are
///     round(real weight * scale[o] / (scale of the source's channel) * q),
/// so the deviation of every prime q from its nominal size is absorbed exactly. What rounding adds on average (every
/// square has a positive mean) is taken back in the bias; what it changes from pixel to pixel, there and in the layers
/// before, is kept small by rounding with compensation (rounding.hpp). `samples` are used up. Operands that are split
/// off later (split_layers) are quantised with their layer. Throws Error(range) if the scores do not fit two primes.
plan::Plan quantise(const plan::RealNetwork& network, const Statistics& statistics,
                    const std::vector<LayerSensitivity>& sensitivity, FeatureSamples& samples, const Design& design,
                    const CompileOptions& options, ThreadPool& pool);

}  // namespace obscura::compiler
