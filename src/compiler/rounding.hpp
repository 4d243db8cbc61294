#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_pool.hpp"

namespace obscura::compiler {

/// Rounds weights to integers so that the *products* change least, not the weights: an error made in one weight is
/// compensated by the following ones, as far as their inputs are correlated in the samples. This is Babai's nearest
/// plane algorithm on the Cholesky factor of the inputs' covariance, which is what GPTQ (Frantar et al.,
/// arXiv 2210.17323) computes; inputs' means are left out because the bias takes them back exactly.
class CompensatedRounding {
  public:
    /// `samples` [count][columns] of the product's inputs; consumed. Columns are treated in blocks, each compensating
    /// within itself, so that the time stays bounded.
    CompensatedRounding(std::vector<float> samples, std::size_t columns, ThreadPool& pool);

    /// Integers near `weights` [columns], one output's row.
    std::vector<double> round(const std::vector<double>& weights) const;

  private:
    struct Block {
        std::size_t first = 0;
        std::size_t size = 0;
        std::vector<double> factor;  ///< [size][size]: Cholesky factor L of the covariance
    };
    std::vector<Block> blocks_;
};

}  // namespace obscura::compiler
