#pragma once

#include "ring/kernels/column_zero.hpp"
#include "ring/kernels/simd/geometry.inc.hpp"
#include "ring/kernels/simd/unroll.inc.hpp"

/// The head of both transforms, in any arithmetic: vectors of positions of one root's segment and their mirror images,
/// from words to the work area and back. Include a vector header first.
///
/// An arithmetic is given by `Roots`, with what it computes modulo t.modulus.q:
/// - made of a table (and of the inverse transform's scale), run(...) goes through the stages of the roots for columns
///   [j, j + lanes) of `lanes` rows of `stride` words together with their mirror images: x[i], y[i] are the slots of
///   position j + i, stride - j - i;
/// - classes(t, g, ...) goes through the other stages for one position of all classes, which has a row of the work
/// area;
/// - column_zero(t, ...) is column 0 as one vector of slots, from and to words.
/// Nothing may take the address of a `Roots`, so that it can stay in registers.
namespace obscura::ring {
namespace {

/// One vector more than there are classes, for caches as in Geometry.
using ClassVectors = Vec[classes + 1];

/// Position 0 of all classes, which is its own mirror image: its words are transformed like a small ring's.
template <class Roots, class Work>
inline void forward_position_zero(const NttTable& t, const Geometry& g, const u32* in, Work* work) {
    const Roots roots(t);
    alignas(64) u32 comb[head_slots + lanes] = {}, column_zero[lanes];
    for (int i = 0; i < head_slots; ++i) comb[i] = in[i * g.rows];
    Vec x[classes], y[lanes];
    for (int j = 1; j < classes; j += lanes) {
        Vec columns_of[lanes];
        roots.run(comb, classes, j, columns_of, y);
        for (int k = 0; k < lanes && j + k < classes; ++k) x[j + k] = columns_of[k];
    }
    forward_column_zero(t, comb, classes, lanes, column_zero);
    x[0] = Roots::column_zero(t, column_zero);
    Roots::classes(t, g, x, work + g.row(0));
}

template <class Roots, class Work>
inline void forward_head(const NttTable& t, const Geometry& g, const u32* in, Work* work) {
    const Roots roots(t);
    for (int j = 1; j <= g.rows / 2; j += lanes) {
        ClassVectors x[lanes], y[lanes];
        for (int c = 0; c < classes; ++c) {
            Vec a[lanes], b[lanes];
            roots.run(in, g.segment, j + c * g.rows, a, b);
            unroll<0, lanes>([&](auto k) __attribute__((always_inline)) {
                x[k.value][c] = a[k.value];
                y[k.value][classes - 1 - c] = b[k.value];
            });
        }
        for (int k = 0; k < lanes; ++k) {
            Roots::classes(t, g, x[k], work + g.row(j + k));
            Roots::classes(t, g, y[k], work + g.row(g.rows - j - k));
        }
    }
    forward_position_zero<Roots>(t, g, in, work);
}

/// Position 0 of all classes; `Centred`: to words in (-q/2, q/2] instead of [0, q).
template <class Roots, bool Centred, class Work>
inline void inverse_position_zero(const NttTable& t, const InverseScale& scale, const Geometry& g, const Work* work,
                                  u32* out) {
    const Roots roots(t, scale);
    const u32 q = t.modulus.q;
    alignas(64) u32 comb[head_slots + lanes], column_zero[lanes];
    Vec v[classes];
    Roots::classes(t, g, work + g.row(0), v);
    for (int j = 1; j < classes; j += lanes) {
        Vec x[lanes], y[lanes];
        for (int k = 0; k < lanes; ++k) {
            x[k] = v[(j + k) % classes];  // column `classes` would be column 0, a row on: see below
            y[k] = v[classes - j - k];
        }
        roots.template run<Centred>(x, y, comb, classes, j);
    }
    Roots::column_zero(t, v[0], column_zero);
    inverse_column_zero(t, scale, column_zero, classes, lanes, comb);
    for (int k = 0; Centred && k < lanes; ++k)
        if (comb[k * classes] > q / 2) comb[k * classes] -= q;
    for (int i = 0; i < head_slots; ++i) out[i * g.rows] = comb[i];
}

template <class Roots, bool Centred, class Work>
inline void inverse_head(const NttTable& t, const InverseScale& scale, const Geometry& g, const Work* work, u32* out) {
    const Roots roots(t, scale);
    for (int j = 1; j <= g.rows / 2; j += lanes) {
        ClassVectors x[lanes], y[lanes];
        for (int k = 0; k < lanes; ++k) {
            Roots::classes(t, g, work + g.row(j + k), x[k]);
            Roots::classes(t, g, work + g.row(g.rows - j - k), y[k]);
        }
        for (int c = 0; c < classes; ++c) {
            Vec a[lanes], b[lanes];
            unroll<0, lanes>([&](auto k) __attribute__((always_inline)) {
                a[k.value] = x[k.value][c];
                b[k.value] = y[k.value][classes - 1 - c];
            });
            roots.template run<Centred>(a, b, out, g.segment, j + c * g.rows);
        }
    }
    inverse_position_zero<Roots, Centred>(t, scale, g, work, out);
}

}  // namespace
}  // namespace obscura::ring
