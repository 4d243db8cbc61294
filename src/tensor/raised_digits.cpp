#include "tensor/raised_digits.hpp"

#include <algorithm>
#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace obscura::tensor {
namespace {

/// Copies past the caches: the copy is read much later, and lines would be fetched only to be overwritten.
/// `out` is 16-byte aligned, `count` a multiple of 4.
void stream(const std::uint32_t* in, std::uint32_t* out, std::size_t count) {
#ifdef __SSE2__
    for (std::size_t i = 0; i < count; i += 4)
        _mm_stream_si128(reinterpret_cast<__m128i*>(out + i), _mm_load_si128(reinterpret_cast<const __m128i*>(in + i)));
#else
    std::copy_n(in, count, out);
#endif
}

/// Streamed words are visible to other threads only after this.
void finish_streams() {
#ifdef __SSE2__
    _mm_sfence();
#endif
}

}  // namespace

RaisedDigits::RaisedDigits(ring::LimbPool& pool, std::size_t degree, std::size_t rows, int part_log)
    : part_log_(part_log),
      parts_(degree >> part_log),
      rows_(rows),
      blocks_log_(std::countr_zero(pool.words()) - part_log) {
    const std::size_t limbs = (rows * degree + pool.words() - 1) / pool.words();
    limbs_.reserve(limbs);
    for (std::size_t i = 0; i < limbs; ++i) limbs_.push_back(pool.take());
}

void RaisedDigits::store(std::size_t first_row, const std::vector<const std::uint32_t*>& rows) {
    for (std::size_t part = 0; part < parts_; ++part)
        for (std::size_t i = 0; i < rows.size(); ++i)
            if (rows[i] != nullptr) stream(rows[i] + (part << part_log_), at(part, first_row + i), part_words());
    finish_streams();
}

}  // namespace obscura::tensor
