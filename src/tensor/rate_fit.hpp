#pragma once

#include "tensor/cost_model.hpp"

namespace obscura::tensor {

/// The rate of work that is free, operations a second.
inline constexpr double free_rate = 1e15;

/// Rates by which the cost model explains measured times best: [layer] of work and of wall time on `threads` threads at
/// ring degree 2^log_degree. Transforms by totals; the three rates of products by least squares, for which three layers
/// of different mixtures are the least. Of the products' kinds of work, one that the best fit would make cost less than
/// nothing is free: its cost hides behind the others'. Throws Error(resource) if no positive rates explain the times.
MachineRates fit_rates(const std::vector<LayerWork>& work, const std::vector<LinearTimes>& times, int log_degree,
                       int threads);

}  // namespace obscura::tensor
