#pragma once

#include "ring/kernels/column_zero.hpp"
#include "ring/kernels/simd/butterflies.inc.hpp"

/// Forward transform: one pass over the whole array (fold and three stages), then everything else class by class, in
/// cache: passes of two or three stages, and a last pass over tiles of 16 blocks of 32 words that transposes them.
namespace obscura::ring {
namespace {

/// Columns [j, j + lanes) together with their mirror images: fold, then three stages on both.
/// Neither pass reads what another iteration wrote, so in == out is fine; column N/16, its own mirror image, is
/// computed twice, with the same result.
inline void forward_fold_pass(const NttTable& t, const u32* in, u32* out) {
    const int n = 1 << t.log_degree, stride = n / order_classes;
    const Bounds m = bounds_of(t.modulus.q);
    const Twiddle imaginary = broadcast(t.imaginary);
    const SegmentTwiddles<3> twiddles(t.tree.data(), t.tree_quotient.data(), 1);
    u32 column_zero[order_classes];
    forward_column_zero(t, in, column_zero);
    for (int j = 1; j < n / 16; j += lanes) {
        const int mirror = stride - j - (lanes - 1);  // the last of the mirrored columns is stride - j
        Vec x[8], y[8];
        unroll<0, 4>([&](auto row) __attribute__((always_inline)) {
            constexpr int k = row.value;
            const auto fold = [&](Vec & low, Vec & high) __attribute__((always_inline)) {
                const Vec a = reduce_once(low, m.two_q), b = multiply_lazy(high, imaginary, m.q);
                low = sub(add(a, m.two_q), b);
                high = add(a, b);
            };
            x[k] = load(in + j + k * stride);
            y[7 - k] = load_reversed(in + mirror + (7 - k) * stride);
            fold(x[k], y[7 - k]);
            y[k] = load_reversed(in + mirror + k * stride);
            x[7 - k] = load(in + j + (7 - k) * stride);
            fold(y[k], x[7 - k]);
        });
        forward_butterflies<3>(x, twiddles, m);
        unroll<0, 8>([&](auto k) __attribute__((always_inline)) { store(out + j + k.value * stride, x[k.value]); });
        forward_butterflies<3>(y, twiddles, m);
        unroll<0, 8>([&](auto k) __attribute__((always_inline)) {
            store_reversed(out + mirror + k.value * stride, y[k.value]);
        });
    }
    for (int k = 0; k < order_classes; ++k) out[k * stride] = column_zero[k];
}

/// `Stages` stages of all segments of one class block; `root` is the tree node of the first.
template <int Stages>
inline void forward_tree_pass(const NttTable& t, Bounds m, int root, int segments, int size, const u32* in, u32* out) {
    const int step = size >> Stages;
    for (int s = 0; s < segments; ++s, in += size, out += size) {
        const SegmentTwiddles<Stages> twiddles(t.tree.data(), t.tree_quotient.data(), root + s);
        for (int j = 0; j < step; j += lanes) {
            Vec x[1 << Stages];
            unroll<0, 1 << Stages>([&](auto k)
                                       __attribute__((always_inline)) { x[k.value] = load(in + j + k.value * step); });
            forward_butterflies<Stages>(x, twiddles, m);
            unroll<0, 1 << Stages>([&](auto k)
                                       __attribute__((always_inline)) { store(out + j + k.value * step, x[k.value]); });
        }
    }
}

/// The last five stages of a tile, results in evaluation order. rows[v][r] is leaf r of the v-th vector of blocks.
inline void forward_tail(const u32* values, const u32* quotients, const TailOffsets& offsets, Bounds m, int chunk,
                         Vec (*rows)[32], u32* out) {
    for (int r = 0; r < 8; ++r)
        unroll<0, tile_vectors>([&](auto v) __attribute__((always_inline)) {
            constexpr int shift = v.value * lanes;
            Vec* row = rows[v.value] + r;
            Vec x[4] = {row[0], row[8], row[16], row[24]};
            forward_butterflies<2>(x, TailTwiddles{values + shift, quotients + shift, offsets.at, 1}, m);
            unroll<0, 4>([&](auto k) __attribute__((always_inline)) { row[8 * k.value] = x[k.value]; });
        });
    for (std::size_t part = 0; part < 4; ++part, out += 8 * chunk)
        unroll<0, tile_vectors>([&](auto v) __attribute__((always_inline)) {
            constexpr int shift = v.value * lanes;
            Vec x[8];
            unroll<0, 8>([&](auto k)
                             __attribute__((always_inline)) { x[k.value] = rows[v.value][8 * part + k.value]; });
            forward_butterflies<3>(x, TailTwiddles{values + shift, quotients + shift, offsets.at, 4 + part}, m);
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) {
                store(out + k.value * chunk + shift, reduce_once(reduce_once(x[k.value], m.two_q), m.q));
            });
        });
}

/// Tiles: the transposition, the tail.
inline void forward_tile_pass(const NttTable& t, Bounds m, const Geometry& g, int class_index, const u32* in,
                              u32* out) {
    const TailOffsets offsets(g, class_index);
    for (int tile = 0; tile < g.tiles; ++tile) {
        const BlockLine blocks = block_line(tile, t.log_degree);
        Vec rows[tile_vectors][32];
        for (int v = 0; v < tile_vectors; ++v) {
            const u32* from = in + (blocks.first + v * lanes * blocks.stride) * order_rows;
            for (int r = 0; r < 32; r += lanes) {
                Vec x[lanes];
                unroll<0, lanes>([&](auto k) __attribute__((always_inline)) {
                    x[k.value] = load(from + r + k.value * blocks.stride * order_rows);
                });
                transpose(x);
                unroll<0, lanes>([&](auto k) __attribute__((always_inline)) { rows[v][r + k.value] = x[k.value]; });
            }
        }
        const int block = tile * tile_width;
        forward_tail(t.tail.data() + block, t.tail_quotient.data() + block, offsets, m, g.chunk, rows, out + block);
    }
}

inline void ntt_forward(const NttTable& t, const u32* in, u32* out) {
    if (t.log_degree < min_vector_log_degree) return scalar_kernels().ntt_forward(t, in, out);
    const Geometry g(t.log_degree);
    const Bounds m = bounds_of(t.modulus.q);
    forward_fold_pass(t, in, out);
    alignas(64) u32 work[max_class_size];
    for (int c = 0; c < order_classes; ++c) {
        u32* block = out + c * g.class_size;
        const u32* from = block;
        int done = 0;
        while (done < g.class_stages) {
            const int stages = next_stages(g.class_stages - done), segments = 1 << done;
            const auto pass = stages == 1   ? forward_tree_pass<1>
                              : stages == 2 ? forward_tree_pass<2>
                                            : forward_tree_pass<3>;
            pass(t, m, (order_classes + c) << done, segments, g.class_size >> done, from, work);
            from = work;
            done += stages;
        }
        forward_tile_pass(t, m, g, c, work, block);
    }
}

}  // namespace
}  // namespace obscura::ring
