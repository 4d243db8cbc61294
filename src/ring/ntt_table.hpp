#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ring/modular.hpp"

/// The conjugate-invariant ring and its transform.
///
/// R = Z[Y + 1/Y] with Y a primitive 4N-th root of unity (Kim and Song, ePrint 2018/952): elements
/// a_0 + sum_{i=1}^{N-1} a_i (Y^i + Y^-i), N real embeddings. Modulo a prime q = 1 mod 4N, with I^2 = -1 and
/// c_0 = a_0, c_i = a_i - I a_{N-i} ("fold"), the element becomes an ordinary polynomial of degree below N modulo Y^N -
/// I, whose transform evaluates it at Y = zeta^e for the N exponents e = 1 mod 4 below 4N.
///
/// The transform is a binary tree. Node n = 1, 2, ... (children 2n and 2n+1) of depth d works on the (n - 2^d)-th of
/// 2^d equal segments with one twiddle; exponents halve on the way down: e[1] = N, e[2n] = e[n]/2, e[2n+1] = e[n]/2 +
/// 2N. Leaf i evaluates at exponent e[N + i].
///
/// Evaluation order. Leaf i = c (N/8) + b 32 + r (c < 8, b < N/256, r < 32) is stored at position c (N/8) + r (N/256) +
/// place(b): a rotation by a multiple of N/32 slots then moves whole chunks of N/256 words (the exponent changes in its
/// five highest bits only, and the five lowest leaf bits count those), so rotated operands are just read from other
/// addresses. A rotation by a multiple of N/64 changes six bits, by amounts that depend on the four highest leaf bits
/// instead of the three in c; so place(b) has b's bits in the order lowest, highest, second lowest, second highest ...
/// until four are left, which follow as they are: such a rotation moves whole quarters of a chunk, a multiple of N/128
/// sixteenths. The same order for every kernel variant, so their results can be compared word by word.
namespace obscura::ring {

inline constexpr int order_classes = 8;
inline constexpr int order_rows = 32;
inline constexpr int order_chunks = order_classes * order_rows;

/// Blocks b whose words are neighbours in evaluation order, as many as a cache line has words: first, first + stride
/// ...
inline constexpr int order_line = 16;
struct BlockLine {
    int first = 0;
    int stride = 1;
};
/// Line `line` of a chunk.
BlockLine block_line(int line, int log_degree);

/// Position in its chunk of block b < N/256.
u32 block_place(u32 block, int log_degree);
/// Position in evaluation order of leaf i.
u32 leaf_position(u32 leaf, int log_degree);
/// Exponent e (zeta^e, e = 1 mod 4) of every leaf.
std::vector<u32> leaf_exponents(int log_degree);

/// Twiddle factors of one prime. Tables are split into values and Shoup quotients so that vectors load either.
struct NttTable {
    Modulus modulus;
    int log_degree = 0;
    Factor imaginary;  ///< I, with I^2 = -1
    /// Nodes 1 .. N/32 - 1: the stages whose butterflies span at least 32 words. Node 1 carries the factor -I of the
    /// fold.
    std::vector<u32> tree, tree_quotient, inverse_tree, inverse_tree_quotient;
    /// The last five stages, in the transposed order: stage s = 0..4 (2^s nodes per 32-leaf block), then class, then
    /// node j < 2^s, then block b < N/256: index = (2^s - 1) (N/32) + (c 2^s + j) (N/256) + place(b).
    std::vector<u32> tail, tail_quotient, inverse_tail, inverse_tail_quotient;
};

NttTable make_ntt_table(int log_degree, u32 q);

/// Constants of an inverse transform that multiplies its result by `factor` / 1 (the 1/N is included).
struct InverseScale {
    Factor even;      ///< factor / (2N): coefficients a_i, 0 < i < N/2
    Factor odd;       ///< factor I / (2N): coefficients a_{N-i}
    Factor constant;  ///< factor / N: a_0
    Factor middle;    ///< factor (1 - I) / (2N): a_{N/2}
};
InverseScale make_inverse_scale(const NttTable& table, u32 factor);

}  // namespace obscura::ring
