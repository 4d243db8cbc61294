#pragma once

#include "ring/kernels/scratch.hpp"
#include "ring/kernels/simd/butterflies.inc.hpp"
#include "ring/kernels/simd/head.inc.hpp"
#include "ring/kernels/simd/limb_fetcher.inc.hpp"

/// Inverse transform: the passes of ntt_forward.inc.hpp backwards.
namespace obscura::ring {
namespace {

/// `Stages` stages of a column, down to `depth` below the head; the first ones (of the deepest nodes) load from `in`.
template <int Stages, bool First>
inline void inverse_tail_pass(const u32* values, const u32* quotients, Bounds m, int rows, int depth, const u32* in,
                              u32* column, LimbFetcher next) {
    const int half = 1 << depth;
    const u32* first_value = values + (half - 1) * column_slots;
    const u32* first_quotient = quotients + (half - 1) * column_slots;
    for (int begin = 0; begin < rows; begin += half << Stages)
        for (int r = 0; r < half; ++r) {
            next.fetch<1 << Stages>();
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
}

/// The head's stages on words below 2q, and the unfolding with the scale.
struct InverseRoots {
    Bounds m;
    Vec half;
    Twiddle even, odds;
    RootTwiddles twiddles;
    InverseRoots(const NttTable& t, const InverseScale& scale)
        : m(bounds_of(t.modulus.q)),
          half(broadcast(t.modulus.q / 2)),
          even(broadcast(scale.even)),
          odds(broadcast(scale.odd)),
          twiddles(t.inverse) {}

    /// ForwardRoots backwards: transposition, the stages of the roots, unfolding.
    template <bool Centred>
    [[gnu::always_inline]] void run(Vec* x, Vec* y, u32* out, int stride, int j) const {
        const int mirror = stride - j - (lanes - 1);
        const auto transform = [&](Vec * v) __attribute__((always_inline)) {
            transpose(v);
            reverse_order<lanes_log>(v);
            inverse_butterflies<lanes_log>(v, twiddles, m);
        };
        transform(x);
        transform(y);
        unroll<0, lanes / 2>([&](auto row) __attribute__((always_inline)) {
            constexpr int k = row.value, last = lanes - 1 - k;
            const auto unfold = [&](Vec & low, Vec & high) __attribute__((always_inline)) {
                const Vec sum = add(low, high), difference = sub(add(low, m.two_q), high);
                low = multiply_full(sum, even, m.q);
                high = multiply_full(difference, odds, m.q);
                if constexpr (Centred) {
                    low = centre(low, m.q, half);
                    high = centre(high, m.q, half);
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

    static void classes(const NttTable& t, const Geometry& g, const u32* row, Vec* x) {
        const u32 *values = t.inverse.head.data(), *quotients = t.inverse.head_quotient.data();
        const Bounds m = bounds_of(t.modulus.q);
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

    static void column_zero(const NttTable&, Vec slots, u32* words) { store(words, slots); }
};

template <bool Centred>
inline void inverse_transform(const NttTable& t, const InverseScale& scale, const u32* in, u32* out,
                              const NextLimbs& next) {
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
                 g.rows, left, in + c * column_slots, work + c * g.column_stride,
                 left == 0 ? LimbFetcher(next, g, c) : LimbFetcher());
        }
    }
    inverse_head<InverseRoots, Centred>(t, scale, g, work, out);
}

inline void ntt_inverse(const NttTable& t, const InverseScale& scale, const u32* in, u32* out, const NextLimbs& next) {
    if (t.log_degree < min_vector_log_degree) return scalar_kernels().inverse(t, scale, in, out, next);
    inverse_transform<false>(t, scale, in, out, next);
}
inline void ntt_inverse_centred(const NttTable& t, const InverseScale& scale, const u32* in, i32* out,
                                const NextLimbs& next) {
    if (t.log_degree < min_vector_log_degree) return scalar_kernels().inverse_centred(t, scale, in, out, next);
    inverse_transform<true>(t, scale, in, reinterpret_cast<u32*>(out), next);
}

}  // namespace
}  // namespace obscura::ring
