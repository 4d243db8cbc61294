#pragma once

#include <cstdint>

#include "plan/plan.hpp"
#include "plan/reference.hpp"

/// The noise model of encrypted inference.
///
/// One kind of error matters: dividing a layer's product by a prime rounds both polynomials (r0, r1) of a ciphertext,
/// which adds r0 + r1 s to the integers in the slots. In the conjugate-invariant ring a polynomial with independent
/// coefficients of variance v has slots of variance 2 N v; rounding has v = 1/12 and a uniform ternary secret 2/3, so
/// the error is a Gaussian of rms sqrt(N/6) * sqrt(4N/3), 2^13.9 for N = 2^15. Fresh encryption and key switching add
/// errors of similar size to integers that are 2^20 times larger, which is invisible. So are the two liberties that
/// parameters take: masks are rounded at a scale of 2^19 (an error of 2^-13 of a value that the division then brings
/// below the rounding above), and digits may exceed P by some bits (ckks::most_digit_excess_bits), which makes key
/// switching errors as many bits larger before their division.
namespace obscura::plan {

/// rms error of a slot integer caused by one rescaling.
double rescale_noise(int log_degree);

/// rms error of the integers z of a layer. One whose output goes to a smaller ring rescales there.
double layer_noise(const Plan& plan, std::size_t layer);

/// rms error of a freshly encrypted slot integer (error polynomial with sigma = 3.2).
double fresh_noise(int log_degree);

/// A hook for PlainNetwork::scores that adds the modelled noise to every z that rescaling gave. Deterministic for a
/// seed.
LayerHook noise_hook(const Plan& plan, std::uint64_t seed);

}  // namespace obscura::plan
