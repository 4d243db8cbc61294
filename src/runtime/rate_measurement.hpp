#pragma once

#include "base/progress.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::runtime {

/// How a server is measured. The defaults are what rates are for; tests take a small ring.
struct MeasurementOptions {
    int log_degree = 15;
    int threads = 0;  ///< 0: one a core
    int rounds = 3;   ///< the least of each time is taken: that of the round which was disturbed least
};

/// Rates of this machine for the cost model: the server's executor runs a small made-up network, convolutions with and
/// without rotations, wide and narrow, on meaningless ciphertexts, and the model is fitted to its times, so that the
/// rates hold what operations cost inside a run. At N = 2^15 it takes 1.8 GB, and about 30 s of each of two cores.
/// Throws Error(cancelled) when `progress` says so, Error(resource) as fit_rates.
tensor::MachineRates measure_rates(const MeasurementOptions& options, Progress& progress);

}  // namespace obscura::runtime
