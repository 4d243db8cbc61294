#pragma once

#include "tensor/cost_model.hpp"

namespace obscura::tensor {

/// Rates by which the cost model explains measured times best: [layer] of work and of wall time on `threads` threads at
/// ring degree 2^log_degree. Transforms by totals; the three rates of products by least squares, for which three layers
/// of different mixtures are the least. Throws Error(resource) if no positive rates explain the times, as on a machine
/// that is busy with other things.
MachineRates fit_rates(const std::vector<LayerWork>& work, const std::vector<LinearTimes>& times, int log_degree,
                       int threads);

}  // namespace obscura::tensor
