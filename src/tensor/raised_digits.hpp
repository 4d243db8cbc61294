#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ring/automorphism.hpp"
#include "ring/kernels/lookahead.hpp"
#include "ring/limb_pool.hpp"

namespace obscura::tensor {

/// Evaluations of many polynomials modulo one prime, transposed: all rows' words of one part of the evaluation points
/// lie side by side, then those of the next part. Rotations move whole parts, and a product reads all rows of a part at
/// once, so memory is read in long runs wherever a rotation sends the parts (with rows apart, products took a fifth
/// longer in a run of 512 images). Takes one limb a row from the pool,
/// fewer if limbs are longer than rows.
class RaisedDigits {
  public:
    RaisedDigits() = default;
    /// `rows` polynomials of `degree` words, at most a limb's; parts of 2^part_log words.
    RaisedDigits(ring::LimbPool& pool, std::size_t degree, std::size_t rows, int part_log);

    std::size_t part_words() const { return std::size_t{1} << part_log_; }
    /// The words of a row from evaluation point part * part_words() on.
    std::uint32_t* at(std::size_t part, std::size_t row) const {
        const std::size_t block = part * rows_ + row;
        return limbs_[block >> blocks_log_].get() + ((block & ((std::size_t{1} << blocks_log_) - 1)) << part_log_);
    }
    /// Adds where all rows' words of a part lie.
    void add_runs(std::size_t part, std::vector<ring::Lookahead::Run>& runs) const;
    /// Copies whole polynomials to rows [first_row, first_row + rows.size()); null ones are skipped.
    void store(std::size_t first_row, const std::vector<const std::uint32_t*>& rows);

  private:
    int part_log_ = 0;
    std::size_t parts_ = 0;
    std::size_t rows_ = 0;
    int blocks_log_ = 0;             ///< log2 of the parts that a limb holds
    std::vector<ring::Limb> limbs_;  ///< as many as rows, fewer where a limb holds several
};

/// Reads the same `count` evaluation points, from `begin` on and permuted unless `automorphism` is null, of one row
/// after another.
class RowReader {
  public:
    RowReader(const RaisedDigits& digits, const ring::Automorphism* automorphism, std::size_t begin, std::size_t count)
        : digits_(digits),
          automorphism_(automorphism),
          begin_(begin),
          count_(count),
          run_(automorphism == nullptr ? digits.part_words()
                                       : std::min(digits.part_words(), automorphism->part_words())),
          part_(source(begin) / digits.part_words()),
          offset_(source(begin) % digits.part_words()) {}

    /// A pointer to the row's words where they lie together, else `scratch` filled.
    const std::uint32_t* read(std::size_t row, std::uint32_t* scratch) const {
        if (run_ >= count_) return digits_.at(part_, row) + offset_;
        for (std::size_t i = 0; i < count_; i += run_) {
            const std::size_t from = source(begin_ + i), part = digits_.part_words();
            std::copy_n(digits_.at(from / part, row) + from % part, run_, scratch + i);
        }
        return scratch;
    }

    /// Adds where all rows' words lie, unless they come in small pieces.
    void add_runs(std::vector<ring::Lookahead::Run>& runs) const {
        const std::size_t part = digits_.part_words();
        if (run_ < std::min(count_, part) || offset_ != 0) return;  // in the second case part of what was read before
        for (std::size_t i = 0; i < count_; i += part) digits_.add_runs(source(begin_ + i) / part, runs);
    }

  private:
    std::size_t source(std::size_t to) const { return automorphism_ == nullptr ? to : automorphism_->word_of(to); }

    const RaisedDigits& digits_;
    const ring::Automorphism* automorphism_;
    std::size_t begin_, count_;
    std::size_t run_;  ///< words that surely lie together
    std::size_t part_, offset_;
};

}  // namespace obscura::tensor
