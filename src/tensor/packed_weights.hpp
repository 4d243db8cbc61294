#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "plan/plan.hpp"

namespace obscura::tensor {

/// A layer's weights in the order of the matrix product kernel: blocks of outputs, then pairs of rows. Rows that are
/// zero for a modulus (unrotated terms on special primes) are left out, so there is one packing for every set of terms
/// in use.
class PackedWeights {
  public:
    explicit PackedWeights(const plan::Layer& layer) : layer_(layer) {}

    /// Pairs of rows of one term: channels are padded to an even number.
    static int pairs(int channels) { return (channels + 1) / 2; }

    /// Packs the terms (operand, tap) listed, in order, unless that was done before. Not thread-safe.
    const std::uint32_t* pack(const std::vector<std::pair<int, int>>& terms);

  private:
    const plan::Layer& layer_;
    std::map<std::vector<std::pair<int, int>>, std::vector<std::uint32_t>> packed_;
};

}  // namespace obscura::tensor
