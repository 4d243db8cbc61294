#pragma once

#include <cstddef>
#include <vector>

#include "base/thread_pool.hpp"

namespace obscura::compiler {

/// Rounds weights to integers so that the *products* change least, not the weights: an error made in one weight is
/// compensated by the following ones, as far as their inputs are correlated in the samples. This is Babai's nearest
/// plane algorithm on the Cholesky factor of the inputs' covariance, which is what GPTQ (Frantar et al.,
/// arXiv 2210.17323) computes; inputs' means are left out because the bias takes them back exactly.
///
/// Inputs that are themselves wrong, as layers before were rounded, are compensated first, as far as they tell: the
/// weights are changed to those that give from these inputs, in the least squares sense, what the given weights give
/// from the exact ones (GPTAQ, Li et al., arXiv 2504.02692, has the same aim).
class CompensatedRounding {
  public:
    /// `inputs` [count][columns] of the product, and `exact` what they should be, of the same shape. Columns are
    /// treated in blocks, each compensating within itself, so that the time stays bounded.
    CompensatedRounding(std::vector<float> inputs, std::vector<float> exact, std::size_t columns, ThreadPool& pool);

    /// Integers near `weights` [rows][columns], zero where `is_zero` (empty or of the same shape) says so.
    std::vector<double> round(std::vector<double> weights, const std::vector<bool>& is_zero = {}) const;

    /// [columns] the variance of each that the columns decided after it cannot make up for: rounding leaves the mean
    /// square error sum over columns of that / 12.
    std::vector<double> left() const;

  private:
    struct Block {
        std::size_t first = 0;
        std::size_t size = 0;
        std::vector<std::size_t> order;  ///< of the columns in the factor
        std::vector<double> factor;      ///< [size][size]: Cholesky factor L of the covariance
    };

    void aim(const Block& block, std::vector<double>& weights) const;
    void round_row(const Block& block, std::size_t row, std::vector<double>& weights,
                   const std::vector<bool>& is_zero) const;

    std::size_t columns_ = 0;
    double factor_ = 1;           ///< of the standardisation
    std::vector<float> inputs_;   ///< standardised
    std::vector<float> missing_;  ///< exact - inputs, on the same scale, mean 0
    ThreadPool& pool_;
    std::vector<Block> blocks_;
};

}  // namespace obscura::compiler
