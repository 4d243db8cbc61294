#pragma once

#include "ring/ntt_table.hpp"

/// The fold pairs coefficient j with N - j. The vector transforms divide the coefficients into `rows` (8 or 16) equal
/// rows and take column j of these together with the reversed last column but j; column 0 is its own mirror image and
/// is done here.
namespace obscura::ring {

/// Fold and first log2(rows) stages of the words in[k stride]: out[j], slots of residue j modulo `rows`, in [0, q).
void forward_column_zero(const NttTable& table, const u32* in, int stride, int rows, u32* out);
/// The last inverse stages, from in[j] below 2q, and unfolding to the words out[k stride], in [0, q).
void inverse_column_zero(const NttTable& table, const InverseScale& scale, const u32* in, int stride, int rows,
                         u32* out);

}  // namespace obscura::ring
