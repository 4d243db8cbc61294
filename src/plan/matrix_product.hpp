#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "plan/product_strip.hpp"

/// The float32 matrix product of the plain reference. Details of this folder; not for others.
namespace obscura::plan {

/// Weights [outputs][columns] in blocks of four outputs, so that one load serves four rows of the result.
class PackedMatrix {
  public:
    static constexpr int block = strip_outputs;

    /// Columns of one operand: weights [outputs][columns].
    struct Part {
        std::size_t columns = 0;
        std::vector<double> weights;
    };

    /// Joins the parts' columns in order.
    PackedMatrix(int outputs, const std::vector<Part>& parts);

    int outputs() const { return outputs_; }
    std::size_t columns() const { return columns_; }
    /// [columns][block] of outputs block*index .. block*index + 3, zero beyond the last.
    const float* weights(int index) const {
        return data_.data() + static_cast<std::size_t>(index) * columns_ * static_cast<std::size_t>(block);
    }

  private:
    int outputs_ = 0;
    std::size_t columns_ = 0;
    std::vector<float> data_;
};

/// result[o][p] = bias[o] + sum over columns k of weight[o][k] * rows[k][p], for p < pixels. An empty bias is zero.
void multiply(const PackedMatrix& matrix, std::span<const float* const> rows, int pixels, std::span<const double> bias,
              std::span<float> result);

}  // namespace obscura::plan
