#pragma once

#include "ring/kernels/ifma/vector.hpp"
#include "ring/kernels/kernels.hpp"
#include "ring/kernels/simd/geometry.inc.hpp"
#include "ring/kernels/simd/unroll.inc.hpp"

/// Butterflies without reductions, on numbers modulo 2^52: primes are below 2^30, so that there is room for the numbers
/// to double in every stage. A product is reduced by its quotient as in simd/arithmetic.inc.hpp, into [0, 2q) for any
/// factor below 2^52.
///
/// A butterfly takes four multiplications and nothing else: quotient, low product (onto x) and reduction give x + w y,
/// and the fourth subtracts 2 x from that, which leaves w y - x, the other result negated. Both contain a multiple of q
/// that keeps them positive, since a factor of a quotient has to be: it comes with the number that the quotient is
/// added to. All numbers of a node have the same sign, which is that of its parent for the first child and the opposite
/// for the second, so that those of slot j are negated if j has an odd number of ones in binary.
namespace obscura::ring {
namespace {

struct Twiddle {
    Vec value, quotient;
};
inline Twiddle broadcast(Factor52 f) {
    return {broadcast(f.value), broadcast(f.quotient)};
}

/// Constants of a prime.
struct Prime {
    Vec q, minus_q, minus_two;
    explicit Prime(u32 modulus)
        : q(held(broadcast(u64{modulus}))),
          minus_q(held(broadcast(0 - u64{modulus}))),
          minus_two(held(broadcast(0 - u64{2}))) {}
};

/// sum + (y w mod q) + k q for minus_k = -k, with the residue in [0, 2q).
[[gnu::always_inline]] inline Vec add_product(Vec sum, Vec y, const Twiddle& w, Vec minus_k, const Prime& p) {
    return add_low(add_low(sum, y, w.value), add_high(minus_k, y, w.quotient), p.minus_q);
}
/// (x, y) -> (x + w y + k q, w y - x + k q), both in [0, X + 2q + k q) for x in [0, X) or (-X, X), X <= k q.
[[gnu::always_inline]] inline void butterfly(Vec& x, Vec& y, const Twiddle& w, Vec minus_k, const Prime& p) {
    const Vec sum = add_product(x, y, w, minus_k, p);
    y = add_low(sum, x, p.minus_two);
    x = sum;
}

/// Twiddles by their number, of type Index: the same in all lanes,
struct SameTwiddles {
    const Factor52* entries;
    template <int I>
    [[gnu::always_inline]] Twiddle operator()(Index<I>) const {
        return broadcast(entries[I]);
    }
};
/// one for every lane, with entry `First` at `entries`,
template <int First>
struct LaneTwiddles {
    const u64* entries;
    template <int I>
    [[gnu::always_inline]] Twiddle operator()(Index<I>) const {
        const u64* at = entries + (I - First) * 2 * lanes;
        return {load(at), load(at + lanes)};
    }
};
/// or in registers, from 1 to Count - 1.
template <int Count>
struct HeldTwiddles {
    Twiddle entries[Count];
    template <int I>
    [[gnu::always_inline]] const Twiddle& operator()(Index<I>) const {
        return entries[I];
    }
};
template <int Count>
[[gnu::always_inline]] inline HeldTwiddles<Count> class_twiddles(const u64* entries) {
    HeldTwiddles<Count> t;
    unroll<1, Count - 1>([&](auto i) { t.entries[i.value] = LaneTwiddles<1>{entries}(i); });
    return t;
}
/// Those of the tail: tables of values would take more time to read than the values take to compute.
template <int Count>
[[gnu::always_inline]] inline HeldTwiddles<Count> tail_twiddles(const u64* quotients, const Prime& p) {
    const Vec one = broadcast(u64{1});
    HeldTwiddles<Count> t;
    unroll<1, Count - 1>([&](auto i) {
        const Vec quotient = load(quotients + (i.value - 1) * column_slots);
        t.entries[i.value] = {add_high(one, quotient, p.q), quotient};
    });
    return t;
}
/// Words of a node's entries in the two passes over the classes.
constexpr int words_of_entries(int stages) {
    return ((1 << stages) - 1) * 2 * lanes;
}

}  // namespace
}  // namespace obscura::ring
