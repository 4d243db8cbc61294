#pragma once

#include "ring/kernels/simd/arithmetic.inc.hpp"

/// Butterflies of several tree stages on an array of registers (Harvey, "Faster arithmetic for number-theoretic
/// transforms", 2014). x[0 .. 2^Stages) are equally spaced members of one segment; twiddle(stage, node) is the factor
/// of node < 2^stage, counted from the segment's root, stage 0 being the root.
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

template <int Stages, class Twiddles>
[[gnu::always_inline]] inline void forward_butterflies(Vec* x, const Twiddles& twiddle, Bounds m) {
    unroll<0, Stages>([&](auto stage) __attribute__((always_inline)) {
        constexpr int half = 1 << (Stages - 1 - decltype(stage)::value);
        unroll<0, 1 << decltype(stage)::value>([&](auto node) __attribute__((always_inline)) {
            constexpr int first = 2 * half * decltype(node)::value;
            const Twiddle w = twiddle(stage.value, node.value);
            unroll<first, half>([&](auto i) __attribute__((always_inline)) {
                forward_butterfly(x[i.value], x[i.value + half], w, m);
            });
        });
    });
}

template <int Stages, class Twiddles>
[[gnu::always_inline]] inline void inverse_butterflies(Vec* x, const Twiddles& twiddle, Bounds m) {
    unroll<0, Stages>([&](auto up) __attribute__((always_inline)) {
        constexpr int stage = Stages - 1 - decltype(up)::value, half = 1 << decltype(up)::value;
        unroll<0, 1 << stage>([&](auto node) __attribute__((always_inline)) {
            constexpr int first = 2 * half * decltype(node)::value;
            const Twiddle w = twiddle(stage, node.value);
            unroll<first, half>([&](auto i) __attribute__((always_inline)) {
                inverse_butterfly(x[i.value], x[i.value + half], w, m);
            });
        });
    });
}

/// The twiddles of Stages stages below one tree node, broadcast once for a whole segment.
template <int Stages>
struct SegmentTwiddles {
    Vec values[1 << Stages], quotients[1 << Stages];
    SegmentTwiddles(const u32* value, const u32* quotient, int root) {
        for (int stage = 0; stage < Stages; ++stage)
            for (int node = 0; node < 1 << stage; ++node) {
                values[(1 << stage) + node] = broadcast(value[(root << stage) + node]);
                quotients[(1 << stage) + node] = broadcast(quotient[(root << stage) + node]);
            }
    }
    Twiddle operator()(int stage, int node) const {
        const int i = (1 << stage) + node;
        return {values[i], quotients[i], quotients[i]};
    }
};

/// Room for a class block of the largest ring, 2^17.
constexpr int max_class_size = 1 << 14;
/// Tiles are as many blocks wide as a cache line of evaluation order has words: rows and twiddles are a power of two
/// apart, so that few lines of them stay cached at a time and each must be used up at once.
constexpr int tile_width = order_line, tile_vectors = tile_width / lanes;
/// The smallest ring with whole tiles.
constexpr int min_vector_log_degree = 12;

/// Where things are in a ring of degree 2^log_degree.
struct Geometry {
    int degree, class_size, chunk;
    int tiles;         ///< of a class block
    int class_stages;  ///< tree stages of a class block before the tiles
    explicit Geometry(int log_degree)
        : degree(1 << log_degree),
          class_size(degree / order_classes),
          chunk(degree / order_chunks),
          tiles(chunk / tile_width),
          class_stages(log_degree - 8) {}
};

/// Where the tail tables of NttTable have the factors of one class: node j < 2^s of stage s is number 2^s + j.
struct TailOffsets {
    u32 at[32];
    TailOffsets(const Geometry& g, int class_index) {
        for (int s = 0; s < 5; ++s)
            for (int j = 0; j < 1 << s; ++j)
                at[(1 << s) + j] =
                    static_cast<u32>(((1 << s) - 1) * (g.degree / 32) + ((class_index << s) + j) * g.chunk);
    }
};
/// Twiddles of the last five stages below node `root`, for the vector of blocks that the pointers begin with.
struct TailTwiddles {
    const u32 *values, *quotients;
    const u32* offsets;
    std::size_t root;
    [[gnu::always_inline]] Twiddle operator()(int stage, int node) const {
        const std::size_t at = offsets[(root << stage) + node];
        return load_twiddle(values + at, quotients + at);
    }
};

/// Tree stages of the next pass over a class block when `left` remain: few passes, of two or three stages.
inline int next_stages(int left) {
    return left == 1 ? 1 : left == 2 || left == 4 ? 2 : 3;
}

}  // namespace
}  // namespace obscura::ring
