#pragma once

#include "ring/kernels/ifma/butterflies.inc.hpp"
#include "ring/kernels/scratch.hpp"
#include "ring/kernels/simd/head.inc.hpp"
#include "ring/kernels/simd/limb_fetcher.inc.hpp"

/// Forward transform: the passes of simd/ntt_forward.inc.hpp, with a work area of 64-bit numbers. Coefficients are
/// below 4q; the fold adds (4 + 2) q to that, and a stage on numbers below X = k q makes them 2 X + 2q: they are below
/// (12 2^d - 2) q at depth d, and the results below 2^51 for the largest ring, 2^17.
namespace obscura::ring {
namespace {

inline Vec fold_offset() {
    return held(broadcast(0 - u64{4}));
}
/// -k of the stage at `depth`.
inline Vec forward_offset(int depth) {
    return held(broadcast(2 - (u64{12} << depth)));
}
template <int Stages>
struct ForwardOffsets {
    Vec of_stage[Stages];
    explicit ForwardOffsets(int depth) {
        unroll<0, Stages>([&](auto i) { of_stage[i.value] = forward_offset(depth + i.value); });
    }
};

template <int Stages, class TwiddleOf>
[[gnu::always_inline]] inline void forward_butterflies(Vec* x, const TwiddleOf& twiddle,
                                                       const ForwardOffsets<Stages>& offsets, const Prime& p) {
    unroll<0, Stages>([&](auto stage) __attribute__((always_inline)) {
        constexpr int nodes = 1 << decltype(stage)::value, half = (1 << Stages) / nodes / 2;
        unroll<0, nodes>([&](auto node) __attribute__((always_inline)) {
            const Twiddle w = twiddle(Index<nodes + decltype(node)::value>{});
            unroll<2 * half* decltype(node)::value, half>([&](auto i) __attribute__((always_inline)) {
                butterfly(x[i.value], x[i.value + half], w, offsets.of_stage[stage.value], p);
            });
        });
    });
}

/// The head's stages on 64-bit numbers.
struct ForwardRoots {
    Prime p;
    Twiddle
        minus_imaginary;  ///< with the opposite sign, the fold leaves the first half of the coefficients as they are
    Vec fold;
    ForwardOffsets<lanes_log> offsets;
    SameTwiddles twiddles;
    explicit ForwardRoots(const NttTable& t)
        : p(t.modulus.q),
          minus_imaginary(broadcast(make_factor52(t.modulus.q - t.imaginary.value, t.modulus.q))),
          fold(fold_offset()),
          offsets(0),
          twiddles{t.forward52.roots.data()} {}

    /// Fold, the stages of the roots, transposition.
    [[gnu::always_inline]] void run(const u32* in, int stride, int j, Vec* x, Vec* y) const {
        const int mirror = stride - j - (lanes - 1);  // the last of the mirrored columns is stride - j
        unroll<0, lanes / 2>([&](auto row) __attribute__((always_inline)) {
            constexpr int k = row.value, last = lanes - 1 - k;
            x[k] = load_words(in + j + k * stride);
            y[last] = load_words_reversed(in + mirror + last * stride);
            butterfly(x[k], y[last], minus_imaginary, fold, p);
            y[k] = load_words_reversed(in + mirror + k * stride);
            x[last] = load_words(in + j + last * stride);
            butterfly(y[k], x[last], minus_imaginary, fold, p);
        });
        const auto transform = [&](Vec * v) __attribute__((always_inline)) {
            forward_butterflies<lanes_log>(v, twiddles, offsets, p);
            reverse_order<lanes_log>(v);
            transpose(v);
        };
        transform(x);
        transform(y);
    }

    static void classes(const NttTable& t, const Geometry& g, Vec* x, u64* row) {
        constexpr int groups = 1 << first_class_stages;
        const Prime p(t.modulus.q);
        const u64* entries = t.forward52.classes.data();
        const auto first = class_twiddles<groups>(entries);
        const ForwardOffsets<first_class_stages> first_offsets(lanes_log);
        for (int i = 0; i < 8; ++i) {
            Vec v[groups];
            unroll<0, groups>([&](auto k) __attribute__((always_inline)) { v[k.value] = load(x + i + 8 * k.value); });
            forward_butterflies<first_class_stages>(v, first, first_offsets, p);
            reverse_order<first_class_stages>(v);
            unroll<0, groups>([&](auto k) __attribute__((always_inline)) { store(x + i + 8 * k.value, v[k.value]); });
        }
        entries += words_of_entries(first_class_stages);
        const ForwardOffsets<3> last_offsets(lanes_log + first_class_stages);
        for (int group = 0; group < groups; ++group, entries += words_of_entries(3)) {
            Vec v[8];
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) { v[k.value] = load(x + 8 * group + k.value); });
            forward_butterflies<3>(v, LaneTwiddles<1>{entries}, last_offsets, p);
            reverse_order<3>(v);
            unroll<0, 8>([&](auto k) __attribute__((always_inline)) {
                store(row + g.in_row(static_cast<std::size_t>(group + groups * k.value)), v[k.value]);
            });
        }
    }

    /// As the stages of the roots give them: negated in slots with an odd number of bits.
    static Vec column_zero(const NttTable& t, u32* words) {
        for (const int slot : {1, 2, 4, 7}) words[slot] = t.modulus.q - words[slot];
        return load_words(words);
    }
};

/// `Stages` stages of a column in place, from `depth` below the head on, but for the last ones.
template <int Stages>
inline void forward_tail_pass(const u64* quotients, u32 q, int rows, int depth, u64* column, LimbFetcher next) {
    constexpr int members = 1 << Stages;
    const int half = 1 << depth;
    const Prime p(q);
    const ForwardOffsets<Stages> offsets(head_stages + depth);
    for (int r = 0; r < half; ++r, quotients += (members - 1) * column_slots)
        for (int shift = 0; shift < column_slots; shift += lanes) {
            const auto twiddles = tail_twiddles<members>(quotients + shift, p);
            for (int begin = 0; begin < rows; begin += half << Stages) {
                next.fetch<members / column_vectors>();
                u64* row = column + (begin + r) * column_slots + shift;
                Vec x[members];
                unroll<0, members>([&](auto k) __attribute__((always_inline)) {
                    x[k.value] = load(row + k.value * half * column_slots);
                });
                reverse_order<Stages>(x);
                forward_butterflies<Stages>(x, twiddles, offsets, p);
                reverse_order<Stages>(x);
                unroll<0, members>([&](auto k) __attribute__((always_inline)) {
                    store(row + k.value * half * column_slots, x[k.value]);
                });
            }
        }
}

/// From numbers to words in [0, q).
struct Reduction {
    Vec reciprocal, q_words, two_q_words, low_words;
    explicit Reduction(u32 modulus)
        : reciprocal(broadcast((u64{1} << 52) / modulus)),
          q_words(broadcast_word(modulus)),
          two_q_words(broadcast_word(2 * modulus)),
          low_words(_mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0)) {}
    /// x mod q in (0, 2q), since x > 0.
    [[gnu::always_inline]] Vec partial(Vec x, const Prime& p) const {
        return add_low(x, add_high(zero(), x, reciprocal), p.minus_q);
    }
    /// Bit i of `negated`: word i has to be negated.
    [[gnu::always_inline]] Vec operator()(Vec first, Vec second, unsigned negated, const Prime& p) const {
        const Vec words = merge_words(partial(first, p), low_words, partial(second, p));
        return reduce_words_once(subtract_words(words, negated, two_q_words), q_words);
    }
};

/// Whether the numbers of slot i are negated, and that of the first 16 slots as a mask.
constexpr bool is_negated(int i) {
    return __builtin_parity(static_cast<unsigned>(i)) != 0;
}
constexpr unsigned negated_slots = 0x6996;

/// The last `Stages` stages of column number `index`. They add q once more, so that no number is 0.
template <int Stages>
inline void forward_last_pass(const u64* quotients, u32 q, int depth, const u64* column, int index, u32* out) {
    constexpr int members = 1 << Stages;
    const int half = 1 << depth;
    const Prime p(q);
    const Reduction reduce(q);
    ForwardOffsets<Stages> offsets(head_stages + depth);
    offsets.of_stage[Stages - 1] = sub(offsets.of_stage[Stages - 1], broadcast(u64{1}));
    for (int r = 0; r < half; ++r, quotients += (members - 1) * column_slots) {
        Vec x[column_vectors][members];
        unroll<0, column_vectors>([&](auto v) __attribute__((always_inline)) {
            constexpr int shift = v.value * lanes;
            const auto twiddles = tail_twiddles<members>(quotients + shift, p);
            unroll<0, members>([&](auto k) __attribute__((always_inline)) {
                x[v.value][k.value] = load(column + (r + k.value * half) * column_slots + shift);
            });
            reverse_order<Stages>(x[v.value]);
            forward_butterflies<Stages>(x[v.value], twiddles, offsets, p);
            reverse_order<Stages>(x[v.value]);
        });
        const unsigned negated = is_negated(index) != is_negated(r) ? ~negated_slots : negated_slots;
        unroll<0, members>([&](auto k) __attribute__((always_inline)) {
            store(out + (r + k.value * half) * head_slots,
                  reduce(x[0][k.value], x[1][k.value], is_negated(k.value) ? ~negated : negated, p));
        });
    }
}

inline void ntt_forward(const NttTable& t, const u32* in, u32* out, const NextLimbs& next) {
    if (t.log_degree < min_log_degree52) return scalar_kernels().forward(t, in, out, next);
    const Geometry g(t.log_degree);
    const u32 q = t.modulus.q;
    u64* column = reinterpret_cast<u64*>(kernel_scratch(2 * g.work_words()));
    forward_head<ForwardRoots>(t, g, in, column);
    const u64* quotients = t.forward52.tail.data();
    for (int c = 0; c < columns; ++c, column += g.column_stride)
        for (int depth = 0; depth < g.tail_stages;) {
            const int stages = first_stages(g.tail_stages - depth);
            if (depth + stages == g.tail_stages)
                (stages == 2 ? forward_last_pass<2> : forward_last_pass<3>)(quotients, q, depth, column, c,
                                                                            out + c * column_slots);
            else
                (stages == 2 ? forward_tail_pass<2> : forward_tail_pass<3>)(quotients, q, g.rows, depth, column,
                                                                            depth == 0 ? LimbFetcher(next, g, c)
                                                                                       : LimbFetcher());
            quotients += (((1 << stages) - 1) << depth) * column_slots;
            depth += stages;
        }
}

}  // namespace
}  // namespace obscura::ring
