#pragma once

#include "ring/kernels/scratch.hpp"
#include "ring/kernels/simd/butterflies.inc.hpp"
#include "ring/kernels/simd/head.inc.hpp"
#include "ring/kernels/simd/limb_fetcher.inc.hpp"

/// Forward transform, in two passes over the array. The head: fold and eight stages, for a vector of positions and its
/// mirror image at a time; on the way the lanes of vectors become slots instead of positions. Then the tail, in place
/// for one column of the work area after another: its rows lie in such an order that the slots end in theirs.
namespace obscura::ring {
namespace {

/// The head's stages on words below 4q.
struct ForwardRoots {
    Bounds m;
    Twiddle imaginary;
    RootTwiddles twiddles;
    explicit ForwardRoots(const NttTable& t)
        : m(bounds_of(t.modulus.q)), imaginary(broadcast(t.imaginary)), twiddles(t.forward) {}

    /// Fold, the stages of the roots, transposition.
    [[gnu::always_inline]] void run(const u32* in, int stride, int j, Vec* x, Vec* y) const {
        const int mirror = stride - j - (lanes - 1);  // the last of the mirrored columns is stride - j
        unroll<0, lanes / 2>([&](auto row) __attribute__((always_inline)) {
            constexpr int k = row.value, last = lanes - 1 - k;
            const auto fold = [&](Vec & low, Vec & high) __attribute__((always_inline)) {
                const Vec a = reduce_once(low, m.two_q), b = multiply_lazy(high, imaginary, m.q);
                low = sub(add(a, m.two_q), b);
                high = add(a, b);
            };
            x[k] = load(in + j + k * stride);
            y[last] = load_reversed(in + mirror + last * stride);
            fold(x[k], y[last]);
            y[k] = load_reversed(in + mirror + k * stride);
            x[last] = load(in + j + last * stride);
            fold(y[k], x[last]);
        });
        const auto transform = [&](Vec * v) __attribute__((always_inline)) {
            forward_butterflies<lanes_log>(v, twiddles, m);
            reverse_order<lanes_log>(v);
            transpose(v);
        };
        transform(x);
        transform(y);
    }

    static void classes(const NttTable& t, const Geometry& g, Vec* x, u32* row) {
        const u32 *values = t.forward.head.data(), *quotients = t.forward.head_quotient.data();
        const Bounds m = bounds_of(t.modulus.q);
        constexpr int groups = 1 << first_class_stages;
        for (int i = 0; i < 8; ++i) {
            Vec v[groups];
            unroll<0, groups>([&](auto k) __attribute__((always_inline)) { v[k.value] = x[i + 8 * k.value]; });
            forward_butterflies<first_class_stages>(v, SlotTwiddles{values + lanes, quotients + lanes, lanes}, m);
            reverse_order<first_class_stages>(v);
            unroll<0, groups>([&](auto k) __attribute__((always_inline)) { x[i + 8 * k.value] = v[k.value]; });
        }
        for (int group = 0; group < groups; ++group) {
            Vec v[8];
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) { v[k.value] = x[8 * group + k.value]; });
            const int at = (groups + group) * lanes;
            forward_butterflies<3>(v, SlotTwiddles{values + at, quotients + at, groups * lanes}, m);
            reverse_order<3>(v);
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) {
                store(row + g.in_row(static_cast<std::size_t>(group + groups * k.value)), v[k.value]);
            });
        }
    }

    static Vec column_zero(const NttTable&, const u32* words) { return load(words); }
};

/// `Stages` stages of a column in place, from `depth` below the head on; the last ones store reduced words to `out`.
template <int Stages, bool Last>
inline void forward_tail_pass(const u32* values, const u32* quotients, Bounds m, int rows, int depth, u32* column,
                              u32* out, LimbFetcher next) {
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
                    x[k.value] = load(row + k.value * half * column_slots);
                });
                reverse_order<Stages>(x);
                const int at = r * column_slots + shift;
                const auto width = static_cast<std::size_t>(half * column_slots);
                forward_butterflies<Stages>(x, SlotTwiddles{first_value + at, first_quotient + at, width}, m);
                reverse_order<Stages>(x);
                unroll<0, 1 << Stages>([&](auto k) __attribute__((always_inline)) {
                    if constexpr (Last)
                        store(out + (begin + r + k.value * half) * head_slots + shift,
                              reduce_once(reduce_once(x[k.value], m.two_q), m.q));
                    else
                        store(row + k.value * half * column_slots, x[k.value]);
                });
            });
        }
}

inline void ntt_forward(const NttTable& t, const u32* in, u32* out, const NextLimbs& next) {
    if (t.log_degree < min_vector_log_degree) return scalar_kernels().forward(t, in, out, next);
    const Geometry g(t.log_degree);
    const Bounds m = bounds_of(t.modulus.q);
    u32* work = kernel_scratch(g.work_words());
    forward_head<ForwardRoots>(t, g, in, work);
    for (int c = 0; c < columns; ++c) {
        for (int depth = 0; depth < g.tail_stages;) {
            const int stages = first_stages(g.tail_stages - depth);
            const bool last = depth + stages == g.tail_stages;
            const auto pass = stages == 2 ? (last ? forward_tail_pass<2, true> : forward_tail_pass<2, false>)
                                          : (last ? forward_tail_pass<3, true> : forward_tail_pass<3, false>);
            pass(t.forward.tail.data() + g.tail_twiddles(c), t.forward.tail_quotient.data() + g.tail_twiddles(c), m,
                 g.rows, depth, work + c * g.column_stride, out + c * column_slots,
                 depth == 0 ? LimbFetcher(next, g, c) : LimbFetcher());
            depth += stages;
        }
    }
}

}  // namespace
}  // namespace obscura::ring
