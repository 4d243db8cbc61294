#pragma once

#include "ring/kernels/simd/pointwise.inc.hpp"

/// The integer matrix product, in registers: blocks of outputs x (low, high) sums of one vector of columns.
namespace obscura::ring {
namespace {

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

/// Blocks of outputs whose sums have room in the registers together: 32 registers with AVX-512, where the sums of one
/// block would also wait for each other (8 chains, of 5 cycles at 2 multiply-adds a cycle), 16 registers before.
constexpr int most_blocks = lanes == 16 ? 2 : 1;

/// Sums over all panels for one vector of columns, number `at`, and Blocks product_blocks of outputs, whose weights
/// follow each other at a distance of `block_words`.
template <int Blocks>
inline void product_of_blocks(const Panel* panels, int panel_count, std::size_t at, const u32* weights,
                              std::size_t block_words, Vec* low, Vec* high, Lookahead& ahead) {
    constexpr int outputs = Blocks * product_block;
    Vec sum_low[outputs], sum_high[outputs];
    for (int o = 0; o < outputs; ++o) sum_low[o] = sum_high[o] = zero();
    for (int p = 0; p < panel_count; ++p) {
        ahead.step(outputs * lanes);
        const int pairs = panels[p].pairs;
        const u32* column = panels[p].data + at * static_cast<std::size_t>(pairs) * 2 * lanes;
        for (int k = 0; k < pairs; ++k, column += 2 * lanes, weights += product_block) {
            const Vec x_low = load(column), x_high = load(column + lanes);
            for (int b = 0; b < Blocks; ++b)
                for (int i = 0; i < product_block; ++i) {
                    const Vec w =
                        broadcast(weights[static_cast<std::size_t>(b) * block_words + static_cast<std::size_t>(i)]);
                    const int o = b * product_block + i;
                    sum_low[o] = multiply_add_halves(sum_low[o], x_low, w);
                    sum_high[o] = multiply_add_halves(sum_high[o], x_high, w);
                }
        }
    }
    for (int o = 0; o < outputs; ++o) {
        low[o] = sum_low[o];
        high[o] = sum_high[o];
    }
}

inline void matrix_product(const Modulus& m, const Panel* panels, int panel_count, const u32* weights, int outputs,
                           u32* const* outs, bool past_caches, std::size_t count, Lookahead& ahead) {
    if (!whole_vectors(count))
        return scalar_kernels().product(m, panels, panel_count, weights, outputs, outs, past_caches, count, ahead);
    const HalvesReducer reduce(m.q);
    std::size_t pairs = 0;
    for (int p = 0; p < panel_count; ++p) pairs += static_cast<std::size_t>(panels[p].pairs);
    const std::size_t block_words = pairs * product_block;
    for (std::size_t v = 0; v < count / lanes; ++v) {
        const u32* w = weights;
        const auto blocks = [&]<int Blocks>(int first, Index<Blocks>) {
            constexpr int size = Blocks * product_block;
            Vec low[size], high[size];
            product_of_blocks<Blocks>(panels, panel_count, v, w, block_words, low, high, ahead);
            w += Blocks * block_words;
            const int used = outputs - first < size ? outputs - first : size;
            for (int i = 0; i < used; ++i) {
                u32* out = outs[first + i] + v * lanes;
                if (past_caches)
                    stream(out, reduce(low[i], high[i]));
                else
                    store(out, reduce(low[i], high[i]));
            }
        };
        int o = 0;
        for (; outputs - o > (most_blocks - 1) * product_block; o += most_blocks * product_block)
            blocks(o, Index<most_blocks>{});
        if (o < outputs) blocks(o, Index<1>{});
    }
}

}  // namespace
}  // namespace obscura::ring
