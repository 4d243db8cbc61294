#pragma once

#include <span>

#include "ring/modular.hpp"

/// The fixed point that the quotient of a base conversion is computed in.
namespace obscura::ring {

/// Largest shift, 58 or less, at which the reciprocals round(2^shift / q_i) of all these primes fit 31 bits. With
/// primes of 30 bits that is 58. If the smallest prime has b bits, the quotient is uncertain by one for at most the
/// fraction 2^(4 - b) of all values, those next to a half: a division then rounds them to the other side.
int reciprocal_shift(std::span<const u32> source_primes);

}  // namespace obscura::ring
