#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ring/automorphism.hpp"
#include "ring/limb_pool.hpp"

namespace obscura::tensor {

/// Evaluations of many polynomials modulo one prime, transposed: all rows' words of one part of the evaluation points
/// lie side by side, then those of the next part. Rotations move whole parts, and a product reads all rows of a part at
/// once, so memory is read in long runs wherever a rotation sends the parts (with rows apart, products took a fifth
/// longer in a run of 512 images). Takes one limb a row from the pool.
class RaisedDigits {
  public:
    RaisedDigits() = default;
    /// `rows` polynomials; parts of 2^part_log words.
    RaisedDigits(ring::LimbPool& pool, std::size_t rows, int part_log);

    std::size_t part_words() const { return std::size_t{1} << part_log_; }
    /// The words of a row from evaluation point part * part_words() on.
    std::uint32_t* at(std::size_t part, std::size_t row) const {
        const std::size_t block = part * limbs_.size() + row;
        return limbs_[block >> blocks_log_].get() + ((block & ((std::size_t{1} << blocks_log_) - 1)) << part_log_);
    }
    /// `count` words of a row from evaluation point `begin` on, permuted unless `automorphism` is null: a pointer to them
    /// where they lie together, else `scratch` filled.
    const std::uint32_t* gather(std::size_t row, const ring::Automorphism* automorphism, std::size_t begin,
                                std::size_t count, std::uint32_t* scratch) const {
        const auto words = [&](std::size_t from) { return at(from / part_words(), row) + from % part_words(); };
        const auto source = [&](std::size_t to) { return automorphism == nullptr ? to : automorphism->word_of(to); };
        const std::size_t run =
            automorphism == nullptr ? part_words() : std::min(part_words(), automorphism->part_words());
        if (run >= count) return words(source(begin));
        for (std::size_t i = 0; i < count; i += run) std::copy_n(words(source(begin + i)), run, scratch + i);
        return scratch;
    }
    /// Copies whole polynomials to rows [first_row, first_row + rows.size()); null ones are skipped.
    void store(std::size_t first_row, const std::vector<const std::uint32_t*>& rows);

  private:
    int part_log_ = 0;
    int blocks_log_ = 0;             ///< log2 of the parts that a limb holds
    std::vector<ring::Limb> limbs_;  ///< as many as rows
};

}  // namespace obscura::tensor
