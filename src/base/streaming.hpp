#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/// Stores past the caches, for what is read much later: lines would be fetched only to be overwritten.
namespace obscura {

/// `out` is 16-byte aligned, `count` a multiple of 4.
inline void stream_words(const std::uint32_t* in, std::uint32_t* out, std::size_t count) {
#ifdef __SSE2__
    for (std::size_t i = 0; i < count; i += 4)
        _mm_stream_si128(reinterpret_cast<__m128i*>(out + i), _mm_load_si128(reinterpret_cast<const __m128i*>(in + i)));
#else
    std::copy_n(in, count, out);
#endif
}

/// What this thread has streamed is visible to other threads only after this.
inline void finish_streams() {
#ifdef __SSE2__
    _mm_sfence();
#endif
}

}  // namespace obscura
