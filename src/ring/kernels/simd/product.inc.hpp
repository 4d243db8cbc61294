#pragma once

#include "ring/kernels/scratch.hpp"
#include "ring/kernels/simd/pointwise.inc.hpp"

/// The integer matrix product, in registers: product_block outputs x (low, high) sums of one vector of columns.
namespace obscura::ring {
namespace {

inline void pack_pair(const u32* a, const u32* b, u32* out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().pack_pair(a, b, out, count);
    const Vec round = broadcast(0x8000);
    for (std::size_t n = 0; n < count; n += lanes) {
        const Vec x = load(a + n), y = b ? load(b + n) : zero();
        store(out + n, merge_halves(x, shift_left<16>(y)));
        store(out + count + n, merge_halves(shift_right<16>(add(x, round)), add(y, round)));
    }
}

/// low + 2^16 high mod q, in [0, q). The quotient is found in floating point: it is below 2^17, so 24 bits give it
/// with an error far below one, and the remainder stays within (-q, q).
struct HalvesReducer {
    Vec q;
    Real low_part, high_part;
    explicit HalvesReducer(u32 modulus)
        : q(broadcast(modulus)),
          low_part(broadcast_real(1.0f / static_cast<float>(modulus))),
          high_part(broadcast_real(65536.0f / static_cast<float>(modulus))) {}
    Vec operator()(Vec low, Vec high) const {
        const Vec quotient =
            round_to_int(add_real(mul_real(to_real(low), low_part), mul_real(to_real(high), high_part)));
        const Vec r = sub(add(low, shift_left<16>(high)), mul_low(quotient, q));
        return min_u32(r, add(r, q));
    }
};

/// Copies `width` vectors of columns of all pairs side by side: [vector][pair][low, high]. In the panels the rows of a
/// pair are a power of two apart, so that reading down a column would use a few cache sets only.
inline void gather_columns(const Panel* panels, int panel_count, std::size_t count, std::size_t n, int width, int pairs,
                           u32* out) {
    for (int p = 0; p < panel_count; ++p) {
        const u32* row = panels[p].data + n;
        for (int k = 0; k < panels[p].pairs; ++k, row += 2 * count, out += 2 * lanes)
            for (int v = 0; v < width; ++v) {
                u32* to = out + static_cast<std::size_t>(v) * pairs * 2 * lanes;
                store(to, load(row + v * lanes));
                store(to + lanes, load(row + count + v * lanes));
            }
    }
}

/// One vector of columns of product_block outputs; `columns` as gather_columns leaves them.
inline void product_of_block(const u32* columns, const u32* weights, int pairs, Vec* low, Vec* high) {
    Vec sum_low[product_block], sum_high[product_block];
    for (int o = 0; o < product_block; ++o) sum_low[o] = sum_high[o] = zero();
    for (int k = 0; k < pairs; ++k, columns += 2 * lanes, weights += product_block) {
        const Vec x_low = load(columns), x_high = load(columns + lanes);
        for (int o = 0; o < product_block; ++o) {
            const Vec w = broadcast(weights[o]);
            sum_low[o] = multiply_add_halves(sum_low[o], x_low, w);
            sum_high[o] = multiply_add_halves(sum_high[o], x_high, w);
        }
    }
    for (int o = 0; o < product_block; ++o) {
        low[o] = sum_low[o];
        high[o] = sum_high[o];
    }
}

inline void matrix_product(const Modulus& m, const Panel* panels, int panel_count, const u32* weights, int outputs,
                           u32* const* outs, std::size_t count) {
    if (!whole_vectors(count))
        return scalar_kernels().matrix_product(m, panels, panel_count, weights, outputs, outs, count);
    constexpr std::size_t line = 16;  // words of a cache line, gathered together
    const HalvesReducer reduce(m.q);
    int pairs = 0;
    for (int p = 0; p < panel_count; ++p) pairs += panels[p].pairs;
    const std::size_t column_words = static_cast<std::size_t>(pairs) * 2 * lanes;
    u32* columns = kernel_scratch(column_words * (line / lanes));
    for (std::size_t n = 0; n < count; n += line) {
        const int width = static_cast<int>(count - n < line ? count - n : line) / lanes;
        gather_columns(panels, panel_count, count, n, width, pairs, columns);
        for (int v = 0; v < width; ++v) {
            const u32* w = weights;
            for (int o = 0; o < outputs; o += product_block, w += static_cast<std::size_t>(pairs) * product_block) {
                Vec low[product_block], high[product_block];
                product_of_block(columns + v * column_words, w, pairs, low, high);
                const int used = outputs - o < product_block ? outputs - o : product_block;
                for (int i = 0; i < used; ++i) store(outs[o + i] + n + v * lanes, reduce(low[i], high[i]));
            }
        }
    }
}

}  // namespace
}  // namespace obscura::ring
