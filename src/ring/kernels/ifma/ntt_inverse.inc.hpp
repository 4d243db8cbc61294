#pragma once

#include "ring/kernels/ifma/inverse_stages.inc.hpp"
#include "ring/kernels/scratch.hpp"
#include "ring/kernels/simd/head.inc.hpp"
#include "ring/kernels/simd/limb_fetcher.inc.hpp"

/// Inverse transform: the passes of ntt_forward.inc.hpp backwards. Numbers stay below 2q 2^17 in the largest ring, and
/// below twice that in the unfolding.
namespace obscura::ring {
namespace {

/// `Stages` stages of a column, down to `depth` below the head; the first ones (of the deepest nodes) load from `in`.
template <int Stages, bool First>
inline void inverse_tail_pass(const NttTable& t, const u64* quotients, const Geometry& g, int depth, const u32* in,
                              u64* column, LimbFetcher next) {
    constexpr int members = 1 << Stages;
    const int half = 1 << depth;
    const Prime p(t.modulus.q);
    const LaneTwiddles<0> ratios{t.inverse52.ratios.data()};
    const InverseOffsets<Stages> offsets(t.modulus.q, g.tail_stages - depth - Stages);
    for (int r = 0; r < half; ++r, quotients += (members - 1) * column_slots)
        unroll<0, column_vectors>([&](auto v) __attribute__((always_inline)) {
            constexpr int shift = v.value * lanes;
            const auto twiddles = tail_twiddles<members>(quotients + shift, p);
            for (int begin = 0; begin < g.rows; begin += half << Stages) {
                next.fetch<members / column_vectors>();
                u64* row = column + (begin + r) * column_slots + shift;
                Vec x[members];
                unroll<0, members>([&](auto k) __attribute__((always_inline)) {
                    if constexpr (First) {
                        const u32* from = in + (begin + r + k.value * half) * head_slots;
                        constexpr int ahead = 4;  // rows
                        prefetch(row + (ahead + k.value * half) * column_slots);
                        if constexpr (shift == 0) prefetch(from + ahead * head_slots);
                        x[k.value] = load_words(from + shift);
                    } else {
                        x[k.value] = load(row + k.value * half * column_slots);
                    }
                });
                reverse_order<Stages>(x);
                inverse_pass<Stages>(x, ratios, twiddles, offsets, p);
                reverse_order<Stages>(x);
                unroll<0, members>([&](auto k) __attribute__((always_inline)) {
                    store(row + k.value * half * column_slots, x[k.value]);
                });
            }
        });
}

/// The head's stages on 64-bit numbers, and the unfolding with the scale. Outputs k and 7 - k of the roots wait for
/// factors, which become those of the scale but for their ratio.
struct InverseRoots {
    Prime p;
    InverseOffsets<lanes_log> offsets;
    InverseOffset unfold_offset;
    SameTwiddles ratios;
    Twiddle ratio[lanes / 2], even[lanes / 2], odds[lanes / 2];
    Vec order, q_words, half_words;
    InverseRoots(const NttTable& t, const InverseScale& scale)
        : p(t.modulus.q),
          offsets(t.modulus.q, t.log_degree - lanes_log),
          unfold_offset(inverse_offset(t.modulus.q, t.log_degree)),
          ratios{t.inverse52.root_ratios.data()},
          order(_mm512_set_epi32(16, 18, 20, 22, 24, 26, 28, 30, 14, 12, 10, 8, 6, 4, 2, 0)),
          q_words(broadcast_word(t.modulus.q)),
          half_words(broadcast_word(t.modulus.q / 2)) {
        const u32 q = t.modulus.q;
        for (int k = 0; k < lanes / 2; ++k) {
            const u32 waiting = static_cast<u32>(t.inverse52.roots[static_cast<std::size_t>(k)].value);
            ratio[k] = broadcast(t.inverse52.unfold_ratios[static_cast<std::size_t>(k)]);
            even[k] = broadcast(make_factor52(mul_mod(waiting, scale.even.value, q), q));
            odds[k] = broadcast(make_factor52(mul_mod(q - waiting, scale.odd.value, q), q));  // of negated differences
        }
    }

    /// ForwardRoots backwards: transposition, the stages of the roots, unfolding.
    template <bool Centred>
    [[gnu::always_inline]] void run(Vec* x, Vec* y, u32* out, int stride, int j) const {
        const int mirror = stride - j - (lanes - 1);
        const auto transform = [&](Vec * v) __attribute__((always_inline)) {
            transpose(v);
            reverse_order<lanes_log>(v);
            inverse_butterflies<lanes_log>(v, ratios, offsets, p);
        };
        transform(x);
        transform(y);
        unroll<0, lanes / 2>([&](auto row) __attribute__((always_inline)) {
            constexpr int k = row.value, last = lanes - 1 - k;
            const auto unfold = [&](Vec & low, Vec & high) __attribute__((always_inline)) {
                butterfly(low, high, ratio[k], unfold_offset.quotient, p);
                low = product(low, even[k], p);
                high = product(high, odds[k], p);
            };
            const auto words = [&](Vec first, Vec reversed) __attribute__((always_inline)) {
                const Vec v = reduce_words_once(merge_words(first, order, reversed), q_words);
                return Centred ? centre_words(v, q_words, half_words) : v;
            };
            unfold(x[k], y[last]);
            store_halves(out + j + k * stride, out + mirror + last * stride, words(x[k], y[last]));
            unfold(y[k], x[last]);
            store_halves(out + j + last * stride, out + mirror + k * stride, words(x[last], y[k]));
        });
    }

    static void classes(const NttTable& t, const Geometry& g, const u64* row, Vec* x) {
        constexpr int groups = 1 << first_class_stages;
        const Prime p(t.modulus.q);
        const LaneTwiddles<0> ratios{t.inverse52.ratios.data()};
        const u64* first_entries = t.inverse52.classes.data();
        const u64* entries = first_entries + words_of_entries(first_class_stages);
        const InverseOffsets<3> last_offsets(t.modulus.q, g.tail_stages);
        for (int group = 0; group < groups; ++group, entries += words_of_entries(3)) {
            Vec v[8];
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) {
                v[k.value] = load(row + g.in_row(static_cast<std::size_t>(group + groups * k.value)));
            });
            reverse_order<3>(v);
            inverse_pass<3>(v, ratios, LaneTwiddles<1>{entries}, last_offsets, p);
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) { store(x + 8 * group + k.value, v[k.value]); });
        }
        const auto first = class_twiddles<groups>(first_entries);
        const Twiddle ratio = ratios(Index<3>{});  // all that two stages need
        const InverseOffsets<first_class_stages> first_offsets(t.modulus.q, g.tail_stages + 3);
        for (int i = 0; i < 8; ++i) {
            Vec v[groups];
            unroll<0, groups>([&](auto k) __attribute__((always_inline)) { v[k.value] = load(x + i + 8 * k.value); });
            reverse_order<first_class_stages>(v);
            inverse_pass<first_class_stages>(
                v, [&](auto) __attribute__((always_inline)) { return ratio; }, first, first_offsets, p);
            unroll<0, groups>([&](auto k) __attribute__((always_inline)) { store(x + i + 8 * k.value, v[k.value]); });
        }
    }

    static void column_zero(const NttTable& t, Vec slots, u32* words) {
        alignas(64) u64 numbers[lanes];
        store(numbers, slots);
        for (int k = 0; k < lanes; ++k) words[k] = static_cast<u32>(numbers[k] % (u64{1} << 52) % t.modulus.q);
    }
};

template <bool Centred>
inline void inverse_transform(const NttTable& t, const InverseScale& scale, const u32* in, u32* out,
                              const NextLimbs& next) {
    const Geometry g(t.log_degree);
    u64* work = reinterpret_cast<u64*>(kernel_scratch(2 * g.work_words()));
    const u64* quotients = t.inverse52.tail.data();
    for (int c = 0; c < columns; ++c)
        for (int left = g.tail_stages; left > 0;) {
            const bool first = left == g.tail_stages;
            const int stages = last_stages(left);
            left -= stages;
            const auto pass = stages == 2 ? (first ? inverse_tail_pass<2, true> : inverse_tail_pass<2, false>)
                                          : (first ? inverse_tail_pass<3, true> : inverse_tail_pass<3, false>);
            pass(t, quotients, g, left, in + c * column_slots, work + static_cast<std::size_t>(c) * g.column_stride,
                 left == 0 ? LimbFetcher(next, g, c) : LimbFetcher());
            quotients += (((1 << stages) - 1) << left) * column_slots;
        }
    inverse_head<InverseRoots, Centred>(t, scale, g, work, out);
}

inline void ntt_inverse(const NttTable& t, const InverseScale& scale, const u32* in, u32* out, const NextLimbs& next) {
    if (t.log_degree < min_log_degree52) return scalar_kernels().inverse(t, scale, in, out, next);
    inverse_transform<false>(t, scale, in, out, next);
}
inline void ntt_inverse_centred(const NttTable& t, const InverseScale& scale, const u32* in, i32* out,
                                const NextLimbs& next) {
    if (t.log_degree < min_log_degree52) return scalar_kernels().inverse_centred(t, scale, in, out, next);
    inverse_transform<true>(t, scale, in, reinterpret_cast<u32*>(out), next);
}

}  // namespace
}  // namespace obscura::ring
