#pragma once

#include "ring/kernels/kernels.hpp"
#include "ring/kernels/simd/unroll.inc.hpp"

/// Modular arithmetic on vectors. Include one of the vector headers first.
namespace obscura::ring {
namespace {

/// x mod m for x < 2m: a borrow makes the difference the larger of the two.
inline Vec reduce_once(Vec x, Vec m) {
    return min_u32(x, sub(x, m));
}
inline Vec add_mod_q(Vec a, Vec b, Vec q) {
    return reduce_once(add(a, b), q);
}
inline Vec sub_mod_q(Vec a, Vec b, Vec q) {
    const Vec d = sub(a, b);
    return min_u32(d, add(d, q));
}
/// Representative in (-q/2, q/2] of x in [0, q).
inline Vec centre(Vec x, Vec q, Vec half) {
    return sub(x, bit_and(greater(x, half), q));
}

/// Factors with their Shoup quotients, the latter once more with odd lanes moved to even ones.
struct Twiddle {
    Vec value, even, odds;
};
inline Twiddle broadcast(Factor f) {
    const Vec quotient = broadcast(f.quotient);
    return {broadcast(f.value), quotient, quotient};
}
/// `quotient` must be followed by one more word.
inline Twiddle load_twiddle(const u32* value, const u32* quotient) {
    return {load(value), load(quotient), load_odd(quotient)};
}
/// y times the factor, in [0, 2q); y any words.
[[gnu::always_inline]] inline Vec multiply_lazy(Vec y, const Twiddle& f, Vec q) {
    const Vec h = merge_high(mul_even(y, f.even), mul_even(odd(y), f.odds));
    return sub(mul_low(y, f.value), mul_low(h, q));
}
inline Vec multiply_full(Vec y, const Twiddle& f, Vec q) {
    return reduce_once(multiply_lazy(y, f, q), q);
}

/// 64-bit numbers for the even and the odd lanes of a vector of words.
struct Wide {
    Vec even, odds;
};
inline Wide add(Wide a, Wide b) {
    return {add64(a.even, b.even), add64(a.odds, b.odds)};
}
inline Wide multiply_wide(Vec a, Vec b) {
    return {mul_even(a, b), mul_even(odd(a), odd(b))};
}
/// (t + m q) / 2^32, below q + t / 2^32; the same words as montgomery_reduce.
inline Vec montgomery_lazy(Wide t, Vec neg_inverse, Vec q) {
    const Vec even = add64(t.even, mul_even(mul_even(t.even, neg_inverse), q));
    const Vec odds = add64(t.odds, mul_even(mul_even(t.odds, neg_inverse), q));
    return merge_high(even, odds);
}

}  // namespace
}  // namespace obscura::ring
