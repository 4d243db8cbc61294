#pragma once

#include <vector>

#include "ring/modular.hpp"

/// Twiddle factors for multipliers of 52 bits, in the order in which the transforms of kernels/ifma use them.
namespace obscura::ring {

struct Twiddles;

/// The smallest ring that these transforms handle.
inline constexpr int min_log_degree52 = 12;

/// A factor with its quotient floor(value 2^52 / q): for y < 2^52, y value - floor(y quotient / 2^52) q is in
/// [0, q + y q / 2^52). The other way round, value = floor(quotient q / 2^52) + 1, unless it is 0.
struct Factor52 {
    u64 value = 0, quotient = 0;
};
Factor52 make_factor52(u32 value, u32 q);

/// The factors of one direction, pass after pass: for every node at the root of a pass of s stages 2^s - 1 entries, the
/// first of which has index 1, each for all lanes. Forward, entry 2^i + node is the twiddle of stage i of the pass.
/// Inverse, entry k belongs to output k of the pass: see kernels/ifma/ntt_inverse.inc.hpp.
struct Twiddles52 {
    std::vector<Factor52> roots;  ///< of the first three stages, where all lanes have the same; begins with entry 0
    std::vector<u64> classes;     ///< of the other five stages of the head: 8 values, 8 quotients
    std::vector<u64> tail;        ///< column after column: 16 quotients, from which the values follow

    // Inverse only: the ratios of what numbers of neighbouring nodes wait for. Entry 2^up + e is that of number e in
    // stage `up` from below, for all passes below the roots the same.
    std::vector<Factor52> root_ratios;    ///< begins with entry 0
    std::vector<Factor52> unfold_ratios;  ///< output 7 - k of the roots, to output k
    std::vector<u64> ratios;              ///< begins with entry 0: 8 values, 8 quotients
};
Twiddles52 make_forward_twiddles52(const Twiddles& twiddles, int log_degree, u32 q);
Twiddles52 make_inverse_twiddles52(const Twiddles& twiddles, int log_degree, u32 q);

}  // namespace obscura::ring
