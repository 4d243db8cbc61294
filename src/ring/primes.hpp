#pragma once

#include <cstdint>
#include <vector>

namespace obscura::ring {

/// Primes are below 2^30 so that the lazy butterflies of the transform hold values up to 4q in 32-bit lanes.
inline constexpr int prime_bits = 30;

/// For n < 2^32, by strong tests to the bases 2, 7 and 61, which no composite below 4,759,123,141 passes (Jaeschke, On
/// strong pseudoprimes to several bases, Math. Comp. 61, 1993).
bool is_prime(std::uint64_t n);

/// The `count` largest primes below 2^30 that are 1 mod 4N, largest first.
/// Throws Error(range) if there are fewer.
std::vector<std::uint32_t> ntt_primes(int log_degree, int count);

/// The `count` largest primes below `bound` (at most 2^30) that are 1 mod 4N, largest first.
/// Throws Error(range) if there are fewer.
std::vector<std::uint32_t> ntt_primes_below(std::uint32_t bound, int log_degree, int count);

/// The `count` smallest primes above `bound` that are 1 mod 4N, smallest first.
/// Throws Error(range) if there are fewer below 2^30.
std::vector<std::uint32_t> ntt_primes_above(std::uint32_t bound, int log_degree, int count);

/// The `count` primes below 2^30 that are 1 mod 4N and differ from `size` by the smallest factors, nearest first.
/// Throws Error(range) if there are fewer.
std::vector<std::uint32_t> ntt_primes_near(std::uint32_t size, int log_degree, int count);

}  // namespace obscura::ring
