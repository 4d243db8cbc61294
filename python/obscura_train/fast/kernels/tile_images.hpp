// Images in bfloat16, in the three orders that products in tiles read: as they are, in pairs of pixels, and with
// channels first.

#pragma once

#include <array>
#include <utility>

#include "tiles.hpp"

#ifdef OBSCURA_TILES

namespace kernels {

// The first `count` numbers, and up to kDepth - 1 more.
inline void round_all(const float* from, int64_t count, Bfloat16* to) {
    for (int64_t i = 0; i < count; i += kDepth) {
        const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + i + kTile), _mm512_loadu_ps(from + i));
        _mm512_storeu_si512(to + i, reinterpret_cast<const __m512i&>(both));
    }
}

// Of up to 16 channels [channels], those of two pixels by turns.
inline __m512i pair_of(const float* first, const float* second, __mmask16 channels) {
    const __m512bh both =
        _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(channels, second), _mm512_maskz_loadu_ps(channels, first));
    const __m512i by_turns = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                              6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(by_turns, reinterpret_cast<const __m512i&>(both));
}

inline __mmask16 channels_from(int64_t first, int64_t channels) {
    return channels - first >= kTile ? 0xFFFF : static_cast<__mmask16>((1 << (channels - first)) - 1);
}

// [pixels, channels] to [pixels / 2, channels, 2]; channels in multiples of 16.
inline void pair_pixels(const float* from, int64_t pixels, int64_t channels, Bfloat16* to) {
    for (int64_t pixel = 0; pixel < pixels; pixel += 2, from += 2 * channels, to += 2 * channels)
        for (int64_t c = 0; c < channels; c += kTile)
            _mm512_storeu_si512(to + 2 * c, pair_of(from + c, from + channels + c, 0xFFFF));
}

// Rows to columns, of 16 x 16 numbers: blocks beside the diagonal change places, those of eight first.
inline void transpose(std::array<__m512i, 16>& rows) {
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const auto exchange = [&]<int Distance>() {
        const __mmask16 upper = _mm512_test_epi32_mask(lanes, _mm512_set1_epi32(Distance));
        const __m512i back = _mm512_sub_epi32(lanes, _mm512_set1_epi32(Distance)),
                      distance = _mm512_set1_epi32(Distance);
        // 16 more: from the second operand
        const __m512i to_first = _mm512_mask_add_epi32(lanes, upper, back, _mm512_set1_epi32(16));
        const __m512i to_second =
            _mm512_mask_add_epi32(_mm512_add_epi32(lanes, distance), upper, lanes, _mm512_set1_epi32(16));
        for (int row = 0; row < 16; ++row)
            if ((row & Distance) == 0) {
                const __m512i first = rows[row], second = rows[row + Distance];
                rows[row] = _mm512_permutex2var_epi32(first, to_first, second);
                rows[row + Distance] = _mm512_permutex2var_epi32(first, to_second, second);
            }
    };
    exchange.template operator()<8>();
    exchange.template operator()<4>();
    exchange.template operator()<2>();
    exchange.template operator()<1>();
}

// [pixels, channels] to [channels, stride], channels rounded up to a multiple of 16; pixels in multiples of 32.
inline void channels_first(const float* from, int64_t pixels, int64_t channels, int64_t stride, Bfloat16* to) {
    std::array<__m512i, 16> rows;
    for (int64_t c = 0; c < channels; c += kTile)
        for (int64_t pixel = 0; pixel < pixels; pixel += kDepth) {
            const float* x = from + pixel * channels + c;
            for (int row = 0; row < 16; ++row, x += 2 * channels)
                rows[row] = pair_of(x, x + channels, channels_from(c, channels));
            transpose(rows);
            for (int row = 0; row < 16; ++row) _mm512_storeu_si512(to + (c + row) * stride + pixel, rows[row]);
        }
}

}  // namespace kernels

#endif
