#pragma once

#include "ring/kernels/ifma/butterflies.inc.hpp"

/// Stages of the inverse transform, (x, y) -> (x + y, w (x - y)), w of the node. A factor behind a butterfly would cost
/// three multiplications, an addition and two or three for the butterfly, so that within a pass differences wait for
/// their factors. In the next stage they meet differences of the neighbouring node, which wait for another factor, and
/// the ratio of the two is the same for all nodes: a root of unity of order 4 or 8, in half of the lanes with the
/// opposite sign. With it on y, that is a forward butterfly, of four multiplications. At the end of the pass, output k
/// is multiplied by all that it waits for.
///
/// Sums double: they are below K = 2q 2^t when t stages are done, and K, a multiple of q, keeps differences positive.
/// In a pass of three stages that begins with sums below B, numbers that wait are below 3B + 2q after the second stage,
/// that is below the third's K = 4B, and below 7B + 4q after it.
namespace obscura::ring {
namespace {

/// K = 2q 2^t, and -K / q to begin the quotient of a product with.
struct InverseOffset {
    Vec value, quotient;
};
inline InverseOffset inverse_offset(u32 q, int stages_done) {
    const u64 k = u64{2} << stages_done;
    return {held(broadcast(k * q)), held(broadcast(0 - k))};
}
template <int Stages>
struct InverseOffsets {
    InverseOffset of_stage[Stages];
    InverseOffsets(u32 q, int stages_done) {
        unroll<0, Stages>([&](auto i) { of_stage[i.value] = inverse_offset(q, stages_done + i.value); });
    }
};

/// The stages of a pass, but for the factors of the outputs.
template <int Stages, class RatioOf>
[[gnu::always_inline]] inline void inverse_butterflies(Vec* x, const RatioOf& ratio,
                                                       const InverseOffsets<Stages>& offsets, const Prime& p) {
    unroll<0, Stages>([&](auto up) __attribute__((always_inline)) {
        constexpr int half = 1 << decltype(up)::value, nodes = (1 << Stages) / half / 2;
        const InverseOffset& offset = offsets.of_stage[up.value];
        unroll<0, nodes>([&](auto node) __attribute__((always_inline)) {
            constexpr int first = 2 * half * decltype(node)::value;
            const Vec a = x[first], b = x[first + half];
            x[first] = add(a, b);
            x[first + half] = sub(a, b);
            // only what is multiplied next has to be positive: the last stage's, and the second of two neighbours
            if constexpr (nodes == 1 || decltype(node)::value % 2 == 1)
                x[first + half] = add(x[first + half], offset.value);
            unroll<1, half - 1>([&](auto i) __attribute__((always_inline)) {
                butterfly(x[first + i.value], x[first + half + i.value], ratio(Index<half + decltype(i)::value>{}),
                          offset.quotient, p);
            });
        });
    });
}

/// y w mod q, in [0, 2q).
[[gnu::always_inline]] inline Vec product(Vec y, const Twiddle& w, const Prime& p) {
    return add_product(zero(), y, w, zero(), p);
}
/// A whole pass.
template <int Stages, class RatioOf, class TwiddleOf>
[[gnu::always_inline]] inline void inverse_pass(Vec* x, const RatioOf& ratio, const TwiddleOf& twiddle,
                                                const InverseOffsets<Stages>& offsets, const Prime& p) {
    inverse_butterflies<Stages>(x, ratio, offsets, p);
    unroll<1, (1 << Stages) - 1>([&](auto k) __attribute__((always_inline)) {
        x[k.value] = product(x[k.value], twiddle(k), p);
    });
}

}  // namespace
}  // namespace obscura::ring
