#include "plan/matrix_product.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace obscura::plan {
namespace {

constexpr int block = PackedMatrix::block;
/// Pixels computed at once: with four outputs, eight accumulators of four lanes, which is what 16 registers hold.
constexpr int strip = 8;

using Lanes = float __attribute__((vector_size(16)));

void multiply_strip(const float* weights, std::span<const float* const> rows, int first, float (&sums)[block][strip]) {
    Lanes low[block] = {};
    Lanes high[block] = {};
    for (const float* row : rows) {
        Lanes x0;
        Lanes x1;
        std::memcpy(&x0, row + first, sizeof x0);
        std::memcpy(&x1, row + first + strip / 2, sizeof x1);
        for (int o = 0; o < block; ++o) {
            low[o] += weights[o] * x0;
            high[o] += weights[o] * x1;
        }
        weights += block;
    }
    for (int o = 0; o < block; ++o) {
        std::memcpy(sums[o], &low[o], sizeof low[o]);
        std::memcpy(sums[o] + strip / 2, &high[o], sizeof high[o]);
    }
}

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
    for (int first_output = 0; first_output < matrix.outputs(); first_output += block) {
        const float* weights = matrix.weights(first_output / block);
        const int outputs = std::min(block, matrix.outputs() - first_output);
        const auto store = [&](int o, int pixel, float sum) {
            const auto output = static_cast<std::size_t>(first_output + o);
            const float shift = bias.empty() ? 0.0F : static_cast<float>(bias[output]);
            result[output * static_cast<std::size_t>(pixels) + static_cast<std::size_t>(pixel)] = sum + shift;
        };
        int pixel = 0;
        for (; pixel + strip <= pixels; pixel += strip) {
            float sums[block][strip];
            multiply_strip(weights, rows, pixel, sums);
            for (int o = 0; o < outputs; ++o)
                for (int i = 0; i < strip; ++i) store(o, pixel + i, sums[o][i]);
        }
        for (; pixel < pixels; ++pixel) {
            float sums[block];
            multiply_pixel(weights, rows, pixel, sums);
            for (int o = 0; o < outputs; ++o) store(o, pixel, sums[o]);
        }
    }
}

}  // namespace obscura::plan
