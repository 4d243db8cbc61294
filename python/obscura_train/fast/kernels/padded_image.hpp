// One image with its cyclic padding, in a buffer that a thread uses for one image after another.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "activation.hpp"
#include "convolution.hpp"

namespace kernels {

// An image [rows, columns, channels] with room for padding around it, and `slack` zeros behind.
class PaddedImage {
  public:
    PaddedImage(const Convolution& shape, int64_t channels, int64_t slack = 0)
        : shape_(shape),
          channels_(channels),
          values_(shape.padded_rows() * shape.padded_columns() * channels + slack) {}

    float* at(int64_t row, int64_t column) {
        return values_.data() + ((row + shape_.pad()) * shape_.padded_columns() + column + shape_.pad()) * channels_;
    }
    const float* data() const { return values_.data(); }

    // Fills the border from what lies inside.
    void wrap_around() {
        if (shape_.pad() == 0) return;
        const int64_t rows = shape_.rows, columns = shape_.columns, line = shape_.padded_columns() * channels_;
        for (int64_t y = 0; y < rows; ++y) {
            std::copy_n(at((y + rows - shape_.wrap) % rows, columns - 1), channels_, at(y, -1));
            std::copy_n(at((y + shape_.wrap) % rows, 0), channels_, at(y, columns));
        }
        std::copy_n(at(rows - 1, -1), line, at(-1, -1));
        std::copy_n(at(0, -1), line, at(rows, -1));
    }

    void clear_border() {
        if (shape_.pad() == 0) return;
        const int64_t line = shape_.padded_columns() * channels_;
        std::fill_n(at(-1, -1), line, 0.0F);
        std::fill_n(at(shape_.rows, -1), line, 0.0F);
        for (int64_t y = 0; y < shape_.rows; ++y) {
            std::fill_n(at(y, -1), channels_, 0.0F);
            std::fill_n(at(y, shape_.columns), channels_, 0.0F);
        }
    }

    // An image [out_rows, out_columns, channels], at the pixels that a stride keeps.
    void fill_strided(const float* values) {
        for (int64_t row = 0; row < shape_.rows; row += shape_.stride)
            for (int64_t column = 0; column < shape_.columns; column += shape_.stride, values += channels_)
                std::copy_n(values, channels_, at(row, column));
    }

  private:
    const Convolution& shape_;
    int64_t channels_;
    std::vector<float> values_;
};

inline void fill_with_curve(PaddedImage& image, const Convolution& shape, const float* z, const Curve& curve) {
    for (int64_t y = 0; y < shape.rows; ++y)
        apply_curve(z + y * shape.columns * shape.inputs, curve, shape.columns, shape.inputs, image.at(y, 0));
    image.wrap_around();
}

}  // namespace kernels
