#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ring/kernels/twiddles52.hpp"
#include "ring/modular.hpp"

/// The conjugate-invariant ring and its transform.
///
/// R = Z[Y + 1/Y] with Y a primitive 4N-th root of unity (Kim and Song, ePrint 2018/952): elements
/// a_0 + sum_{i=1}^{N-1} a_i (Y^i + Y^-i), N real embeddings. Modulo a prime q = 1 mod 4N, with I^2 = -1 and
/// c_0 = a_0, c_i = a_i - I a_{N-i} ("fold"), the element becomes an ordinary polynomial of degree below N modulo Y^N -
/// I, whose transform evaluates it at Y = zeta^e for the N exponents e = 1 mod 4 below 4N.
///
/// Evaluation order. These exponents are the powers of 5 modulo 4N, and word j is the evaluation at zeta^(5^j): the
/// value of slot j. A rotation by any number of slots is therefore a cyclic shift of the words.
///
/// The transform is a binary tree. A node of depth d has one of 2^d equal segments of the coefficients and, below it,
/// the slots of one residue j modulo 2^d; its twiddle zeta^(5^j N / 2^(d+1)) belongs to the child with the slots j
/// modulo 2^(d+1), the first; the second one, with the opposite sign, has the slots j + 2^d. So the i-th segment of
/// depth d has the residue that is i with its d bits reversed.
namespace obscura::ring {

/// The first stages of the tree, the head, are those above this depth: 2^8 nodes there, and as many slots in a row.
inline constexpr int head_stages = 8;
inline constexpr int head_slots = 1 << head_stages;
/// Below, in the tail, 16 neighbouring slots (a cache line) of all rows make up a column, which is transformed alone.
inline constexpr int column_slots = 16;
inline constexpr int columns = head_slots / column_slots;

/// Twiddle factors of one direction, split into values and Shoup quotients (each with one word more, since vectors of
/// odd lanes are loaded from one word further on).
struct Twiddles {
    std::vector<u32> head,
        head_quotient;  ///< residue j of depth d: word 2^d + j; the root's carries the fold's factor -I
    std::vector<u32> tail, tail_quotient;  ///< in the order of use: see tail_index
};
/// Where the tail has residue j of depth d, 8 <= d < log_degree: column by column, depth by depth, row by row.
std::size_t tail_index(int depth, u32 residue, int log_degree);

/// Twiddle factors of one prime.
struct NttTable {
    Modulus modulus;
    int log_degree = 0;
    Factor imaginary;  ///< I, with I^2 = -1
    Twiddles forward, inverse;
    Twiddles52 forward52,
        inverse52;  ///< the same once more for other multipliers; empty for rings that do not use them
};

NttTable make_ntt_table(int log_degree, u32 q);

/// Tables that parameter sets with primes in common share: one takes 1 MB at N = 2^15. Not thread-safe.
class NttTables {
  public:
    std::shared_ptr<const NttTable> get(int log_degree, u32 q);

  private:
    std::map<std::pair<int, u32>, std::shared_ptr<const NttTable>> tables_;
};

/// Constants of an inverse transform that multiplies its result by `factor` / 1 (the 1/N is included).
struct InverseScale {
    Factor even;      ///< factor / (2N): coefficients a_i, 0 < i < N/2
    Factor odd;       ///< factor I / (2N): coefficients a_{N-i}
    Factor constant;  ///< factor / N: a_0
    Factor middle;    ///< factor (1 - I) / (2N): a_{N/2}
};
InverseScale make_inverse_scale(const NttTable& table, u32 factor);

}  // namespace obscura::ring
