#pragma once

#include "ring/kernels/column_zero.hpp"
#include "ring/kernels/scratch.hpp"
#include "ring/kernels/simd/butterflies.inc.hpp"

/// Inverse transform: the passes of ntt_forward.inc.hpp backwards.
namespace obscura::ring {
namespace {

/// `Stages` stages of a column, down to `depth` below the head; the first ones (of the deepest nodes) load from `in`.
template <int Stages, bool First>
inline void inverse_tail_pass(const u32* values, const u32* quotients, Bounds m, int rows, int depth, const u32* in,
                              u32* column) {
    const int half = 1 << depth;
    const u32* first_value = values + (half - 1) * column_slots;
    const u32* first_quotient = quotients + (half - 1) * column_slots;
    for (int begin = 0; begin < rows; begin += half << Stages)
        for (int r = 0; r < half; ++r)
            unroll<0, column_vectors>([&](auto v) __attribute__((always_inline)) {
                constexpr int shift = v.value * lanes;
                u32* row = column + (begin + r) * column_slots + shift;
                Vec x[1 << Stages];
                unroll<0, 1 << Stages>([&](auto k) __attribute__((always_inline)) {
                    if constexpr (First)
                        x[k.value] = load(in + (begin + r + k.value * half) * head_slots + shift);
                    else
                        x[k.value] = load(row + k.value * half * column_slots);
                });
                reverse_order<Stages>(x);
                const int at = r * column_slots + shift;
                const auto width = static_cast<std::size_t>(half * column_slots);
                inverse_butterflies<Stages>(x, SlotTwiddles{first_value + at, first_quotient + at, width}, m);
                reverse_order<Stages>(x);
                unroll<0, 1 << Stages>([&](auto k) __attribute__((always_inline)) {
                    store(row + k.value * half * column_slots, x[k.value]);
                });
            });
}

/// The head's stages below the roots for one position of all classes; `row` is its row of the work area.
inline void inverse_classes(const NttTable& t, Bounds m, const Geometry& g, const u32* row, Vec* x) {
    const u32 *values = t.inverse.head.data(), *quotients = t.inverse.head_quotient.data();
    constexpr int groups = 1 << first_class_stages;
    for (int group = 0; group < groups; ++group) {
        Vec v[8];
        unroll<0, 8>([&](auto k) __attribute__((always_inline)) {
            v[k.value] = load(row + g.in_row(static_cast<std::size_t>(group + groups * k.value)));
        });
        reverse_order<3>(v);
        const int at = (groups + group) * lanes;
        inverse_butterflies<3>(v, SlotTwiddles{values + at, quotients + at, groups * lanes}, m);
        unroll<0, 8>([&](auto k) __attribute__((always_inline)) { x[8 * group + k.value] = v[k.value]; });
    }
    for (int i = 0; i < 8; ++i) {
        Vec v[groups];
        unroll<0, groups>([&](auto k) __attribute__((always_inline)) { v[k.value] = x[i + 8 * k.value]; });
        reverse_order<first_class_stages>(v);
        inverse_butterflies<first_class_stages>(v, SlotTwiddles{values + lanes, quotients + lanes, lanes}, m);
        unroll<0, groups>([&](auto k) __attribute__((always_inline)) { x[i + 8 * k.value] = v[k.value]; });
    }
}

/// The constants of the unfolding with the scale.
struct Unfolding {
    Bounds m;
    Vec half;
    Twiddle even, odds;
    Unfolding(u32 q, const InverseScale& scale)
        : m(bounds_of(q)), half(broadcast(q / 2)), even(broadcast(scale.even)), odds(broadcast(scale.odd)) {}
};

/// forward_roots backwards: transposition, the stages of the roots, unfolding to columns [j, j + lanes) and their
/// mirror images.
template <bool Centred>
[[gnu::always_inline]] inline void inverse_roots(const RootTwiddles& twiddles, const Unfolding& u, Vec* x, Vec* y,
                                                 u32* out, int stride, int j) {
    const int mirror = stride - j - (lanes - 1);
    const auto transform = [&](Vec * v) __attribute__((always_inline)) {
        transpose(v);
        reverse_order<lanes_log>(v);
        inverse_butterflies<lanes_log>(v, twiddles, u.m);
    };
    transform(x);
    transform(y);
    unroll<0, lanes / 2>([&](auto row) __attribute__((always_inline)) {
        constexpr int k = row.value, last = lanes - 1 - k;
        const auto unfold = [&](Vec & low, Vec & high) __attribute__((always_inline)) {
            const Vec sum = add(low, high), difference = sub(add(low, u.m.two_q), high);
            low = multiply_full(sum, u.even, u.m.q);
            high = multiply_full(difference, u.odds, u.m.q);
            if constexpr (Centred) {
                low = centre(low, u.m.q, u.half);
                high = centre(high, u.m.q, u.half);
            }
        };
        unfold(x[k], y[last]);
        store(out + j + k * stride, x[k]);
        store_reversed(out + mirror + last * stride, y[last]);
        unfold(y[k], x[last]);
        store_reversed(out + mirror + k * stride, y[k]);
        store(out + j + last * stride, x[last]);
    });
}

/// Position 0 of all classes, which is its own mirror image: its words are transformed like a small ring's.
template <bool Centred>
inline void inverse_position_zero(const NttTable& t, const InverseScale& scale, const Geometry& g,
                                  const RootTwiddles& twiddles, const Unfolding& u, const u32* work, u32* out) {
    const u32 q = t.modulus.q;
    alignas(64) u32 comb[head_slots + lanes], column_zero[lanes];
    Vec v[classes];
    inverse_classes(t, u.m, g, work + g.row(0), v);
    for (int j = 1; j < classes; j += lanes) {
        Vec x[lanes], y[lanes];
        for (int k = 0; k < lanes; ++k) {
            x[k] = v[(j + k) % classes];  // column `classes` would be column 0, a row on: see below
            y[k] = v[classes - j - k];
        }
        inverse_roots<Centred>(twiddles, u, x, y, comb, classes, j);
    }
    store(column_zero, v[0]);
    inverse_column_zero(t, scale, column_zero, classes, lanes, comb);
    for (int k = 0; Centred && k < lanes; ++k)
        if (comb[k * classes] > q / 2) comb[k * classes] -= q;
    for (int i = 0; i < head_slots; ++i) out[i * g.rows] = comb[i];
}

template <bool Centred>
inline void inverse_head(const NttTable& t, const InverseScale& scale, const Geometry& g, const u32* work, u32* out) {
    const RootTwiddles twiddles(t.inverse);
    const Unfolding u(t.modulus.q, scale);
    for (int j = 1; j <= g.rows / 2; j += lanes) {
        Vec x[lanes][classes], y[lanes][classes];
        for (int k = 0; k < lanes; ++k) {
            inverse_classes(t, u.m, g, work + g.row(j + k), x[k]);
            inverse_classes(t, u.m, g, work + g.row(g.rows - j - k), y[k]);
        }
        for (int c = 0; c < classes; ++c) {
            Vec a[lanes], b[lanes];
            unroll<0, lanes>([&](auto k) __attribute__((always_inline)) {
                a[k.value] = x[k.value][c];
                b[k.value] = y[k.value][classes - 1 - c];
            });
            inverse_roots<Centred>(twiddles, u, a, b, out, g.segment, j + c * g.rows);
        }
    }
    inverse_position_zero<Centred>(t, scale, g, twiddles, u, work, out);
}

template <bool Centred>
inline void inverse_transform(const NttTable& t, const InverseScale& scale, const u32* in, u32* out) {
    const Geometry g(t.log_degree);
    const Bounds m = bounds_of(t.modulus.q);
    u32* work = kernel_scratch(g.work_words());
    for (int c = 0; c < columns; ++c) {
        for (int left = g.tail_stages; left > 0;) {
            const bool first = left == g.tail_stages;
            const int stages = last_stages(left);
            left -= stages;
            const auto pass = stages == 2 ? (first ? inverse_tail_pass<2, true> : inverse_tail_pass<2, false>)
                                          : (first ? inverse_tail_pass<3, true> : inverse_tail_pass<3, false>);
            pass(t.inverse.tail.data() + g.tail_twiddles(c), t.inverse.tail_quotient.data() + g.tail_twiddles(c), m,
                 g.rows, left, in + c * column_slots, work + c * g.column_stride);
        }
    }
    inverse_head<Centred>(t, scale, g, work, out);
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
