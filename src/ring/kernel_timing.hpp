#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ring/kernels/kernels.hpp"

/// Speed of the kernels on this machine, for `obscura bench kernels` and for the microbenchmarks.
namespace obscura::ring {

/// A call of one kernel of one variant on data of its own, ready to be timed.
struct KernelJob {
    std::string variant;
    std::string kernel;     ///< for example "ntt_forward" or "matrix_product K=288"
    double operations = 0;  ///< of one call: words, butterflies or multiply-adds, as `unit` says
    std::string unit;
    std::function<void()> run;
};
/// The jobs of every variant that this processor runs, for rings of degree 2^log_degree.
std::vector<KernelJob> kernel_jobs(int log_degree);

struct KernelTiming {
    std::string variant;
    std::string kernel;
    double min_microseconds = 0;
    double median_microseconds = 0;
    double giga_per_second = 0;  ///< operations by the median
    std::string unit;
};
/// Runs every job for about `seconds_each` on the calling thread.
std::vector<KernelTiming> time_kernels(int log_degree, double seconds_each = 0.05);

}  // namespace obscura::ring
