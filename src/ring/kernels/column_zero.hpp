#pragma once

#include "ring/ntt_table.hpp"

/// The fold pairs coefficient j with N - j. The vector transforms take column j (words j + k N/8) together with column
/// N/8 - j, reversed; column 0 is its own mirror image and is done here.
namespace obscura::ring {

/// Fold and first three stages of the words in[k N/8]: out[k], in [0, q).
void forward_column_zero(const NttTable& table, const u32* in, u32* out);
/// Last three inverse stages and unfolding of the words in[k N/8]: out[k], in [0, q).
void inverse_column_zero(const NttTable& table, const InverseScale& scale, const u32* in, u32* out);

}  // namespace obscura::ring
