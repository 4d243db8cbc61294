#pragma once

#include <immintrin.h>

#include "ring/modular.hpp"

/// Vectors of 8 words for AVX2. The algorithms in this folder are written once over these names; vector_avx512.hpp
/// provides the same ones. Everything is in an anonymous namespace: code compiled for one instruction set must never be
/// merged by the linker with the same inline function compiled for another.
namespace obscura::ring {
namespace {

using Vec = __m256i;
using Real = __m256;
constexpr int lanes = 8;
constexpr int lanes_log = 3;

/// Unaligned accesses cost nothing on aligned data, and rows of small rings are only 32-byte aligned.
inline Vec load(const void* p) {
    return _mm256_loadu_si256(static_cast<const Vec*>(p));
}
inline void store(void* p, Vec v) {
    _mm256_storeu_si256(static_cast<Vec*>(p), v);
}
/// Through the caches all the same: half a line at a time past them would take longer.
inline void stream(void* p, Vec v) {
    store(p, v);
}
/// Words p[1], p[3], ... in the even lanes; reads p[8]. An operand in memory is cheaper here than a shift.
inline Vec load_odd(const u32* p) {
    return load(p + 1);
}
inline Vec broadcast(u32 x) {
    return _mm256_set1_epi32(static_cast<int>(x));
}
/// x 2^32 in every 64-bit number.
inline Vec broadcast_high(u32 x) {
    return _mm256_set1_epi64x(static_cast<i64>(static_cast<u64>(x) << 32));
}
inline Vec zero() {
    return _mm256_setzero_si256();
}

inline Vec add(Vec a, Vec b) {
    return _mm256_add_epi32(a, b);
}
inline Vec sub(Vec a, Vec b) {
    return _mm256_sub_epi32(a, b);
}
inline Vec add64(Vec a, Vec b) {
    return _mm256_add_epi64(a, b);
}
inline Vec bit_and(Vec a, Vec b) {
    return _mm256_and_si256(a, b);
}
inline Vec min_u32(Vec a, Vec b) {
    return _mm256_min_epu32(a, b);
}
/// All ones where a > b, as signed numbers.
inline Vec greater(Vec a, Vec b) {
    return _mm256_cmpgt_epi32(a, b);
}
template <int Bits>
inline Vec shift_left(Vec a) {
    return _mm256_slli_epi32(a, Bits);
}
template <int Bits>
inline Vec shift_right(Vec a) {
    return _mm256_srli_epi32(a, Bits);
}
inline Vec shift_right_signed(Vec a, int bits) {
    return _mm256_sra_epi32(a, _mm_cvtsi32_si128(bits));
}

/// Low words of the products.
inline Vec mul_low(Vec a, Vec b) {
    return _mm256_mullo_epi32(a, b);
}
/// 64-bit products of the even lanes.
inline Vec mul_even(Vec a, Vec b) {
    return _mm256_mul_epu32(a, b);
}
inline Vec mul_even_signed(Vec a, Vec b) {
    return _mm256_mul_epi32(a, b);
}
/// Odd lanes moved to the even ones (the odd ones are zero).
inline Vec odd(Vec a) {
    return _mm256_srli_epi64(a, 32);
}
/// The high words of 64-bit numbers: of `even` to even lanes, of `odds` to odd lanes.
inline Vec merge_high(Vec even, Vec odds) {
    return _mm256_blend_epi32(odd(even), odds, 0xaa);
}
/// The 16-bit low halves of `low` with the high halves of `high`.
inline Vec merge_halves(Vec low, Vec high) {
    return _mm256_blend_epi16(low, high, 0xaa);
}

/// sum + a_low b_low + a_high b_high for signed 16-bit halves.
inline Vec multiply_add_halves(Vec sum, Vec a, Vec b) {
    return add(sum, _mm256_madd_epi16(a, b));
}

inline Real broadcast_real(float x) {
    return _mm256_set1_ps(x);
}
inline Real to_real(Vec a) {
    return _mm256_cvtepi32_ps(a);
}
inline Vec round_to_int(Real a) {
    return _mm256_cvtps_epi32(a);
}
inline Real mul_real(Real a, Real b) {
    return _mm256_mul_ps(a, b);
}
inline Real add_real(Real a, Real b) {
    return _mm256_add_ps(a, b);
}

/// Words p[7], ..., p[0].
inline Vec load_reversed(const u32* p) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 4));
    return _mm256_shuffle_epi32(_mm256_inserti128_si256(_mm256_castsi128_si256(high), low, 1), 0x1b);
}
inline void store_reversed(u32* p, Vec v) {
    const Vec r = _mm256_shuffle_epi32(v, 0x1b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_extracti128_si256(r, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 4), _mm256_castsi256_si128(r));
}

/// r[i] lane j <-> r[j] lane i.
inline void transpose(Vec* r) {
    Vec t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        const Vec low = r[i], high = r[i + 4];
        r[i] = _mm256_permute2x128_si256(low, high, 0x20);
        r[i + 4] = _mm256_permute2x128_si256(low, high, 0x31);
    }
}

}  // namespace
}  // namespace obscura::ring
