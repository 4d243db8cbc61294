#pragma once

#include "ring/kernels/column_zero.hpp"
#include "ring/kernels/simd/butterflies.inc.hpp"

/// Inverse transform: the passes of ntt_forward.inc.hpp backwards.
namespace obscura::ring {
namespace {

/// The last five stages of a tile, from evaluation order to rows[v][leaf].
inline void inverse_tail(const u32* values, const u32* quotients, const TailOffsets& offsets, Bounds m, int chunk,
                         const u32* in, Vec (*rows)[32]) {
    for (std::size_t part = 0; part < 4; ++part, in += 8 * chunk)
        unroll<0, tile_vectors>([&](auto v) __attribute__((always_inline)) {
            constexpr int shift = v.value * lanes;
            Vec x[8];
            unroll<0, 8>([&](auto k)
                             __attribute__((always_inline)) { x[k.value] = load(in + k.value * chunk + shift); });
            inverse_butterflies<3>(x, TailTwiddles{values + shift, quotients + shift, offsets.at, 4 + part}, m);
            unroll<0, 8>([&](auto k)
                             __attribute__((always_inline)) { rows[v.value][8 * part + k.value] = x[k.value]; });
        });
    for (int r = 0; r < 8; ++r)
        unroll<0, tile_vectors>([&](auto v) __attribute__((always_inline)) {
            constexpr int shift = v.value * lanes;
            Vec* row = rows[v.value] + r;
            Vec x[4] = {row[0], row[8], row[16], row[24]};
            inverse_butterflies<2>(x, TailTwiddles{values + shift, quotients + shift, offsets.at, 1}, m);
            unroll<0, 4>([&](auto k) __attribute__((always_inline)) { row[8 * k.value] = x[k.value]; });
        });
}

inline void inverse_tile_pass(const NttTable& t, Bounds m, const Geometry& g, int class_index, const u32* in,
                              u32* out) {
    const TailOffsets offsets(g, class_index);
    for (int tile = 0; tile < g.tiles; ++tile) {
        const BlockLine blocks = block_line(tile, t.log_degree);
        const int block = tile * tile_width;
        Vec rows[tile_vectors][32];
        inverse_tail(t.inverse_tail.data() + block, t.inverse_tail_quotient.data() + block, offsets, m, g.chunk,
                     in + block, rows);
        for (int v = 0; v < tile_vectors; ++v) {
            u32* to = out + (blocks.first + v * lanes * blocks.stride) * order_rows;
            for (int r = 0; r < 32; r += lanes) {
                Vec x[lanes];
                unroll<0, lanes>([&](auto k) __attribute__((always_inline)) { x[k.value] = rows[v][r + k.value]; });
                transpose(x);
                unroll<0, lanes>([&](auto k) __attribute__((always_inline)) {
                    store(to + r + k.value * blocks.stride * order_rows, x[k.value]);
                });
            }
        }
    }
}

template <int Stages>
inline void inverse_tree_pass(const NttTable& t, Bounds m, int root, int segments, int size, const u32* in, u32* out) {
    const int step = size >> Stages;
    for (int s = 0; s < segments; ++s, in += size, out += size) {
        const SegmentTwiddles<Stages> twiddles(t.inverse_tree.data(), t.inverse_tree_quotient.data(), root + s);
        for (int j = 0; j < step; j += lanes) {
            Vec x[1 << Stages];
            unroll<0, 1 << Stages>([&](auto k)
                                       __attribute__((always_inline)) { x[k.value] = load(in + j + k.value * step); });
            inverse_butterflies<Stages>(x, twiddles, m);
            unroll<0, 1 << Stages>([&](auto k)
                                       __attribute__((always_inline)) { store(out + j + k.value * step, x[k.value]); });
        }
    }
}

/// Three stages on a column of vectors and on its mirror image, then the unfolding with the scale; in place.
template <bool Centred>
inline void inverse_unfold_pass(const NttTable& t, const InverseScale& scale, u32* a) {
    const int n = 1 << t.log_degree, stride = n / order_classes;
    const u32 q = t.modulus.q;
    const Bounds m = bounds_of(q);
    const Vec half = broadcast(q / 2);
    const Twiddle even = broadcast(scale.even), odds = broadcast(scale.odd);
    const SegmentTwiddles<3> twiddles(t.inverse_tree.data(), t.inverse_tree_quotient.data(), 1);
    u32 column_zero[order_classes];
    inverse_column_zero(t, scale, a, column_zero);
    for (int j = 1; j < n / 16; j += lanes) {
        const int mirror = stride - j - (lanes - 1);
        Vec x[8], y[8];
        unroll<0, 8>([&](auto k) __attribute__((always_inline)) { x[k.value] = load(a + j + k.value * stride); });
        inverse_butterflies<3>(x, twiddles, m);
        unroll<0, 8>([&](auto k)
                         __attribute__((always_inline)) { y[k.value] = load_reversed(a + mirror + k.value * stride); });
        inverse_butterflies<3>(y, twiddles, m);
        unroll<0, 4>([&](auto row) __attribute__((always_inline)) {
            constexpr int k = row.value;
            const auto unfold = [&](Vec & low, Vec & high) __attribute__((always_inline)) {
                const Vec sum = add(low, high), difference = sub(add(low, m.two_q), high);
                low = multiply_full(sum, even, m.q);
                high = multiply_full(difference, odds, m.q);
                if constexpr (Centred) {
                    low = centre(low, m.q, half);
                    high = centre(high, m.q, half);
                }
            };
            unfold(x[k], y[7 - k]);
            store(a + j + k * stride, x[k]);
            store_reversed(a + mirror + (7 - k) * stride, y[7 - k]);
            unfold(y[k], x[7 - k]);
            store_reversed(a + mirror + k * stride, y[k]);
            store(a + j + (7 - k) * stride, x[7 - k]);
        });
    }
    for (int k = 0; k < order_classes; ++k) {
        const u32 v = column_zero[k];
        a[k * stride] = Centred && v > q / 2 ? v - q : v;
    }
}

template <bool Centred>
inline void inverse_transform(const NttTable& t, const InverseScale& scale, const u32* in, u32* out) {
    const Geometry g(t.log_degree);
    const Bounds m = bounds_of(t.modulus.q);
    alignas(64) u32 work[max_class_size];
    for (int c = 0; c < order_classes; ++c) {
        u32* block = out + c * g.class_size;
        inverse_tile_pass(t, m, g, c, in + c * g.class_size, work);
        int left = g.class_stages;
        while (left > 0) {
            const int stages = next_stages(left);
            left -= stages;
            const auto pass = stages == 1   ? inverse_tree_pass<1>
                              : stages == 2 ? inverse_tree_pass<2>
                                            : inverse_tree_pass<3>;
            pass(t, m, (order_classes + c) << left, 1 << left, g.class_size >> left, work, left == 0 ? block : work);
        }
    }
    inverse_unfold_pass<Centred>(t, scale, out);
}

inline void ntt_inverse(const NttTable& t, const InverseScale& scale, const u32* in, u32* out) {
    if (t.log_degree < min_vector_log_degree) return scalar_kernels().ntt_inverse(t, scale, in, out);
    inverse_transform<false>(t, scale, in, out);
}
inline void ntt_inverse_centred(const NttTable& t, const InverseScale& scale, const u32* in, i32* out) {
    if (t.log_degree < min_vector_log_degree) return scalar_kernels().ntt_inverse_centred(t, scale, in, out);
    inverse_transform<true>(t, scale, in, reinterpret_cast<u32*>(out));
}

}  // namespace
}  // namespace obscura::ring
