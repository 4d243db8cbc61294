#pragma once

#include "ring/bit_reversal.hpp"
#include "ring/kernels/simd/arithmetic.inc.hpp"

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

/// x[i] -> x[i with its bits reversed]: from the order of tree nodes to that of slots, and back.
template <int Bits>
[[gnu::always_inline]] inline void reverse_order(Vec* x) {
    unroll<0, 1 << Bits>([&](auto i) __attribute__((always_inline)) {
        constexpr int other = reverse_bits(decltype(i)::value, Bits);
        if constexpr (other > decltype(i)::value) {
            const Vec kept = x[i.value];
            x[i.value] = x[other];
            x[other] = kept;
        }
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

/// The head's stages: those of the roots, after which the lanes of a vector are slots; `class_stages` on vectors of
/// equal position in the 2^class_stages classes that a root's segment is divided into, the last three at once.
constexpr int classes = head_slots / lanes, class_stages = head_stages - lanes_log;
constexpr int first_class_stages = class_stages - 3;
/// Vectors of a column.
constexpr int column_vectors = column_slots / lanes;
/// The smallest ring with a whole vector of positions in half a class.
constexpr int min_vector_log_degree = head_stages + lanes_log + 1;

/// Where things are in a ring of degree 2^log_degree, and its work area: column after column of rows of 16 words, with
/// a line more between them, because of caches that keep few lines a power of two apart.
struct Geometry {
    int degree, tail_stages, rows;
    int segment;  ///< words of one root's segment
    std::size_t column_stride;
    explicit Geometry(int log_degree)
        : degree(1 << log_degree),
          tail_stages(log_degree - head_stages),
          rows(1 << tail_stages),
          segment(degree / lanes),
          column_stride(static_cast<std::size_t>(rows + 1) * column_slots) {}
    std::size_t work_words() const { return columns * column_stride; }
    std::size_t tail_twiddles(int column) const { return static_cast<std::size_t>(column) * (rows - 1) * column_slots; }
    /// Where the work area has the row with position p < rows of all classes.
    std::size_t row(int position) const {
        return std::size_t{reverse_bits(static_cast<u32>(position), tail_stages)} * column_slots;
    }
    /// Where that row has its i-th vector.
    std::size_t in_row(std::size_t i) const { return i / column_vectors * column_stride + i % column_vectors * lanes; }
};

/// The stages of a column are done in few passes of two or three, the deepest in passes of two where possible: these
/// have the most twiddles, and rows of the array that are far apart. Stages of the first pass when `left` remain:
inline int first_stages(int left) {
    return left == 2 || left == 4 ? 2 : 3;
}
/// The same division from below: stages of the last pass of `count`.
inline int last_stages(int count) {
    return count % 3 == 0 ? 3 : 2;
}

}  // namespace
}  // namespace obscura::ring
