#pragma once

#include <immintrin.h>

#include "ring/modular.hpp"

/// Vectors of 8 numbers modulo 2^52 for AVX-512 with IFMA: the multipliers take the low 52 bits of their factors, so
/// what is above them never matters.
namespace obscura::ring {
namespace {

using Vec = __m512i;
constexpr int lanes = 8;
constexpr int lanes_log = 3;

/// v in a register: the compiler would rather read a number from memory again than keep or copy it, but there are fewer
/// loads than multiplications in a cycle, while copies are free.
inline Vec held(Vec v) {
    asm("" : "+v"(v));
    return v;
}
inline Vec load(const void* p) {
    return held(_mm512_loadu_si512(p));
}
inline void store(void* p, Vec v) {
    _mm512_storeu_si512(p, v);
}
/// Fetches a line that is needed soon, where the processor does not foresee it. It may be beyond an array.
inline void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
inline Vec broadcast(u64 x) {
    return _mm512_set1_epi64(static_cast<i64>(x));
}
inline Vec zero() {
    return _mm512_setzero_si512();
}
inline Vec add(Vec a, Vec b) {
    return _mm512_add_epi64(a, b);
}
inline Vec sub(Vec a, Vec b) {
    return _mm512_sub_epi64(a, b);
}
/// sum + a b, and sum + floor(a b / 2^52).
inline Vec add_low(Vec sum, Vec a, Vec b) {
    return _mm512_madd52lo_epu64(sum, a, b);
}
inline Vec add_high(Vec sum, Vec a, Vec b) {
    return _mm512_madd52hi_epu64(sum, a, b);
}

/// 8 words of 32 bits from memory, in their order and in reverse.
inline Vec load_words(const u32* p) {
    return _mm512_cvtepu32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline Vec load_words_reversed(const u32* p) {
    const Vec order = _mm512_set_epi32(0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7);
    const Vec words = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_maskz_permutexvar_epi32(0x5555, order, words);
}

/// Vectors of 16 words, for results: word i is that of number order[i] / 2 of `first` and `second` together.
inline Vec merge_words(Vec first, Vec order, Vec second) {
    return _mm512_permutex2var_epi32(first, order, second);
}
inline Vec broadcast_word(u32 x) {
    return _mm512_set1_epi32(static_cast<int>(x));
}
/// Words x that become m - x where the mask is set.
inline Vec subtract_words(Vec x, unsigned mask, Vec m) {
    return _mm512_mask_sub_epi32(x, static_cast<__mmask16>(mask), m, x);
}
/// x mod m for x < 2m: a borrow makes the difference the larger of the two.
inline Vec reduce_words_once(Vec x, Vec m) {
    return _mm512_min_epu32(x, _mm512_sub_epi32(x, m));
}
/// Representatives in (-q/2, q/2] of words in [0, q).
inline Vec centre_words(Vec x, Vec q, Vec half) {
    return _mm512_mask_sub_epi32(x, _mm512_cmpgt_epi32_mask(x, half), x, q);
}
/// The first 8 words to one place, the last 8 to another.
inline void store_halves(u32* first, u32* last, Vec words) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(first), _mm512_castsi512_si256(words));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(last), _mm512_extracti64x4_epi64(words, 1));
}

/// r[i] lane j <-> r[j] lane i: pairs within 128 bits, then these as a 4x4 matrix.
inline void transpose(Vec* r) {
    Vec t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    for (int i = 0; i < 2; ++i) {
        const Vec a = _mm512_shuffle_i64x2(t[i], t[i + 2], 0x88), b = _mm512_shuffle_i64x2(t[i], t[i + 2], 0xdd);
        const Vec c = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0x88),
                  d = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0xdd);
        r[i] = _mm512_shuffle_i64x2(a, c, 0x88);
        r[i + 4] = _mm512_shuffle_i64x2(a, c, 0xdd);
        r[i + 2] = _mm512_shuffle_i64x2(b, d, 0x88);
        r[i + 6] = _mm512_shuffle_i64x2(b, d, 0xdd);
    }
}

}  // namespace
}  // namespace obscura::ring
