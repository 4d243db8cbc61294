#pragma once

#include "ring/kernels/simd/arithmetic.inc.hpp"
#include "ring/kernels/simd/geometry.inc.hpp"

/// Butterflies of several tree stages on an array of registers (Harvey, "Faster arithmetic for number-theoretic
/// transforms", 2014). x[0 .. 2^Stages) are equally spaced members of one segment; twiddle(stage, node) is the factor
/// of node < 2^stage, counted from the segment's root, stage 0 being the root; both are of type Index.
namespace obscura::ring {
namespace {

struct Bounds {
    Vec q, two_q;
};
inline Bounds bounds_of(u32 q) {
    return {broadcast(q), broadcast(2 * q)};
}

/// (x, y) -> (x + w y, x - w y), words below 4q to words below 4q.
[[gnu::always_inline]] inline void forward_butterfly(Vec& x, Vec& y, const Twiddle& w, Bounds m) {
    const Vec a = reduce_once(x, m.two_q), b = multiply_lazy(y, w, m.q);
    x = add(a, b);
    y = sub(add(a, m.two_q), b);
}
/// (x, y) -> (x + y, w (x - y)), words below 2q to words below 2q.
[[gnu::always_inline]] inline void inverse_butterfly(Vec& x, Vec& y, const Twiddle& w, Bounds m) {
    const Vec difference = sub(add(x, m.two_q), y);
    x = reduce_once(add(x, y), m.two_q);
    y = multiply_lazy(difference, w, m.q);
}

template <int Stages, class TwiddleOf>
[[gnu::always_inline]] inline void forward_butterflies(Vec* x, const TwiddleOf& twiddle, Bounds m) {
    unroll<0, Stages>([&](auto stage) __attribute__((always_inline)) {
        constexpr int half = 1 << (Stages - 1 - decltype(stage)::value);
        unroll<0, 1 << decltype(stage)::value>([&](auto node) __attribute__((always_inline)) {
            constexpr int first = 2 * half * decltype(node)::value;
            const Twiddle w = twiddle(stage, node);
            unroll<first, half>([&](auto i) __attribute__((always_inline)) {
                forward_butterfly(x[i.value], x[i.value + half], w, m);
            });
        });
    });
}

template <int Stages, class TwiddleOf>
[[gnu::always_inline]] inline void inverse_butterflies(Vec* x, const TwiddleOf& twiddle, Bounds m) {
    unroll<0, Stages>([&](auto up) __attribute__((always_inline)) {
        constexpr Index<Stages - 1 - decltype(up)::value> stage;
        constexpr int half = 1 << decltype(up)::value;
        unroll<0, 1 << stage.value>([&](auto node) __attribute__((always_inline)) {
            constexpr int first = 2 * half * decltype(node)::value;
            const Twiddle w = twiddle(stage, node);
            unroll<first, half>([&](auto i) __attribute__((always_inline)) {
                inverse_butterfly(x[i.value], x[i.value + half], w, m);
            });
        });
    });
}

/// Twiddles of the first stages, the same in all lanes.
struct RootTwiddles {
    Vec values[lanes], quotients[lanes];
    explicit RootTwiddles(const Twiddles& t) {
        for (int stage = 0; stage < lanes_log; ++stage)
            for (int node = 0; node < 1 << stage; ++node) {
                const auto at = (1u << stage) + reverse_bits(static_cast<u32>(node), stage);
                values[(1 << stage) + node] = broadcast(t.head[at]);
                quotients[(1 << stage) + node] = broadcast(t.head_quotient[at]);
            }
    }
    template <class Stage, class Node>
    [[gnu::always_inline]] Twiddle operator()(Stage, Node) const {
        constexpr int i = (1 << Stage::value) + Node::value;
        return {values[i], quotients[i], quotients[i]};
    }
};

/// Twiddles whose lanes are slots. The pointers are at those of the first stage's node; a depth of the tree begins
/// `width` words behind the one before, then twice as many, and so on.
struct SlotTwiddles {
    const u32 *values, *quotients;
    std::size_t width;
    template <class Stage, class Node>
    [[gnu::always_inline]] Twiddle operator()(Stage, Node) const {
        // residue r of the first depth, of R residues, becomes r + R k at a later one; these take R lanes = `width`
        constexpr std::size_t k = reverse_bits(Node::value, Stage::value);
        const std::size_t at = ((std::size_t{1} << Stage::value) - 1 + k) * width;
        return load_twiddle(values + at, quotients + at);
    }
};

}  // namespace
}  // namespace obscura::ring
