#include "plan/matrix_product.hpp"

#include <algorithm>
#include <cassert>

namespace obscura::plan {
namespace {

constexpr int block = PackedMatrix::block;
constexpr int most_strip_pixels = 16;

void multiply_pixel(const float* weights, std::span<const float* const> rows, int pixel, float (&sums)[block]) {
    std::fill(sums, sums + block, 0.0F);
    for (const float* row : rows) {
        for (int o = 0; o < block; ++o) sums[o] += weights[o] * row[pixel];
        weights += block;
    }
}

}  // namespace

PackedMatrix::PackedMatrix(int outputs, const std::vector<Part>& parts) : outputs_(outputs) {
    for (const Part& part : parts) columns_ += part.columns;
    const auto blocks = static_cast<std::size_t>((outputs + block - 1) / block);
    data_.assign(blocks * columns_ * block, 0.0F);
    std::size_t first = 0;
    for (const Part& part : parts) {
        assert(part.weights.size() == part.columns * static_cast<std::size_t>(outputs));
        for (std::size_t o = 0; o < static_cast<std::size_t>(outputs); ++o)
            for (std::size_t k = 0; k < part.columns; ++k)
                data_[((o / block) * columns_ + first + k) * block + o % block] =
                    static_cast<float>(part.weights[o * part.columns + k]);
        first += part.columns;
    }
}

void multiply(const PackedMatrix& matrix, std::span<const float* const> rows, int pixels, std::span<const double> bias,
              std::span<float> result) {
    assert(rows.size() == matrix.columns());
    const ProductStrip& strip = default_strip();
    assert(strip.pixels <= most_strip_pixels);
    for (int first_output = 0; first_output < matrix.outputs(); first_output += block) {
        const float* weights = matrix.weights(first_output / block);
        const int outputs = std::min(block, matrix.outputs() - first_output);
        const auto store = [&](int o, int pixel, float sum) {
            const auto output = static_cast<std::size_t>(first_output + o);
            const float shift = bias.empty() ? 0.0F : static_cast<float>(bias[output]);
            result[output * static_cast<std::size_t>(pixels) + static_cast<std::size_t>(pixel)] = sum + shift;
        };
        int pixel = 0;
        for (; pixel + strip.pixels <= pixels; pixel += strip.pixels) {
            float sums[block * most_strip_pixels];
            strip.multiply(weights, rows.data(), rows.size(), pixel, sums);
            for (int o = 0; o < outputs; ++o)
                for (int i = 0; i < strip.pixels; ++i) store(o, pixel + i, sums[o * strip.pixels + i]);
        }
        for (; pixel < pixels; ++pixel) {
            float sums[block];
            multiply_pixel(weights, rows, pixel, sums);
            for (int o = 0; o < outputs; ++o) store(o, pixel, sums[o]);
        }
    }
}

}  // namespace obscura::plan
