#pragma once

#include <string>
#include <vector>

/// Times of the inner loops on one core, for every kernel variant this processor runs.
namespace obscura::cli {

struct KernelTime {
    std::string variant;  ///< as in ring::Kernels
    std::string operation;
    double microseconds = 0;  ///< median of one call
    double rate = 0;          ///< work a second in `unit`; 0 where the time says it all
    std::string unit;
};

/// At N = 2^15 with `levels` + `special` primes; key switching at all, half and a quarter of the levels.
std::vector<KernelTime> time_kernels(int levels, int special);

}  // namespace obscura::cli
