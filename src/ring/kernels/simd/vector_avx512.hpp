#pragma once

#ifndef OBSCURA_PORTABLE_AVX512  // the tests bring a portable definition of the intrinsics
#include <immintrin.h>
#endif

#include "ring/modular.hpp"

/// Vectors of 16 words for AVX-512 with VNNI; the same names as vector_avx2.hpp.
namespace obscura::ring {
namespace {

using Vec = __m512i;
using Real = __m512;
constexpr int lanes = 16;
constexpr int lanes_log = 4;

inline Vec load(const void* p) {
    return _mm512_loadu_si512(p);
}
inline void store(void* p, Vec v) {
    _mm512_storeu_si512(p, v);
}
/// Past the caches, to a whole line.
inline void stream(void* p, Vec v) {
    _mm512_stream_si512(static_cast<Vec*>(p), v);
}
inline Vec broadcast(u32 x) {
    return _mm512_set1_epi32(static_cast<int>(x));
}
/// x 2^32 in every 64-bit number.
inline Vec broadcast_high(u32 x) {
    return _mm512_set1_epi64(static_cast<i64>(static_cast<u64>(x) << 32));
}
inline Vec zero() {
    return _mm512_setzero_si512();
}

inline Vec add(Vec a, Vec b) {
    return _mm512_add_epi32(a, b);
}
inline Vec sub(Vec a, Vec b) {
    return _mm512_sub_epi32(a, b);
}
inline Vec add64(Vec a, Vec b) {
    return _mm512_add_epi64(a, b);
}
inline Vec bit_and(Vec a, Vec b) {
    return _mm512_and_si512(a, b);
}
inline Vec min_u32(Vec a, Vec b) {
    return _mm512_min_epu32(a, b);
}
/// All ones where a > b, as signed numbers.
inline Vec greater(Vec a, Vec b) {
    return _mm512_maskz_mov_epi32(_mm512_cmpgt_epi32_mask(a, b), _mm512_set1_epi32(-1));
}
template <int Bits>
inline Vec shift_left(Vec a) {
    return _mm512_slli_epi32(a, Bits);
}
template <int Bits>
inline Vec shift_right(Vec a) {
    return _mm512_srli_epi32(a, Bits);
}
inline Vec shift_right_signed(Vec a, int bits) {
    return _mm512_sra_epi32(a, _mm_cvtsi32_si128(bits));
}

inline Vec mul_low(Vec a, Vec b) {
    return _mm512_mullo_epi32(a, b);
}
inline Vec mul_even(Vec a, Vec b) {
    return _mm512_mul_epu32(a, b);
}
inline Vec mul_even_signed(Vec a, Vec b) {
    return _mm512_mul_epi32(a, b);
}
inline Vec odd(Vec a) {
    return _mm512_srli_epi64(a, 32);
}
/// Words p[1], p[3], ... in the even lanes; from one word further on, every load would touch two cache lines.
inline Vec load_odd(const u32* p) {
    return odd(load(p));
}
/// One shuffle under a mask: even lanes take their upper neighbour in `even`, odd lanes stay those of `odds`.
inline Vec merge_high(Vec even, Vec odds) {
    return _mm512_mask_shuffle_epi32(odds, 0x5555, even, static_cast<_MM_PERM_ENUM>(0xf5));
}
inline Vec merge_halves(Vec low, Vec high) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, low, high);
}

/// The sums stay below 2^31 by the contract of the matrix product, so that saturation never happens.
inline Vec multiply_add_halves(Vec sum, Vec a, Vec b) {
    return _mm512_dpwssd_epi32(sum, a, b);
}

inline Real broadcast_real(float x) {
    return _mm512_set1_ps(x);
}
inline Real to_real(Vec a) {
    return _mm512_cvtepi32_ps(a);
}
inline Vec round_to_int(Real a) {
    return _mm512_cvtps_epi32(a);
}
inline Real mul_real(Real a, Real b) {
    return _mm512_mul_ps(a, b);
}
inline Real add_real(Real a, Real b) {
    return _mm512_add_ps(a, b);
}

inline Vec reversed(Vec v) {
    return _mm512_permutexvar_epi32(_mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), v);
}
inline Vec load_reversed(const u32* p) {
    return reversed(load(p));
}
inline void store_reversed(u32* p, Vec v) {
    store(p, reversed(v));
}

/// r[i] lane j <-> r[j] lane i: 4x4 blocks within 128 bits, then the 128-bit quarters as a 4x4 matrix.
inline void transpose(Vec* r) {
    Vec t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

}  // namespace
}  // namespace obscura::ring
