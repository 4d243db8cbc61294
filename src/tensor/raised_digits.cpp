#include "tensor/raised_digits.hpp"

#include <algorithm>
#include <bit>

#include "base/streaming.hpp"

namespace obscura::tensor {

RaisedDigits::RaisedDigits(ring::LimbPool& pool, std::size_t degree, std::size_t rows, int part_log)
    : part_log_(part_log),
      parts_(degree >> part_log),
      rows_(rows),
      blocks_log_(std::countr_zero(pool.words()) - part_log) {
    const std::size_t limbs = (rows * degree + pool.words() - 1) / pool.words();
    limbs_.reserve(limbs);
    for (std::size_t i = 0; i < limbs; ++i) limbs_.push_back(pool.take());
}

void RaisedDigits::add_runs(std::size_t part, std::vector<ring::Lookahead::Run>& runs) const {
    const std::size_t blocks = std::size_t{1} << blocks_log_;  // of a limb
    for (std::size_t row = 0; row < rows_;) {
        const std::size_t together = std::min(rows_ - row, blocks - ((part * rows_ + row) & (blocks - 1)));
        runs.push_back({at(part, row), (together * part_words() + ring::line_words - 1) / ring::line_words});
        row += together;
    }
}

void RaisedDigits::store(std::size_t first_row, const std::vector<const std::uint32_t*>& rows) {
    for (std::size_t part = 0; part < parts_; ++part)
        for (std::size_t i = 0; i < rows.size(); ++i)
            if (rows[i] != nullptr) stream_words(rows[i] + (part << part_log_), at(part, first_row + i), part_words());
    finish_streams();
}

}  // namespace obscura::tensor
