#include "compiler/rounding.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <span>

namespace obscura::compiler {
namespace {

constexpr std::size_t largest_block = 768;
/// Share of the mean variance added to every variance: the samples are few, and dead inputs have none.
constexpr double damping = 0.01;
constexpr std::size_t rows_at_once = 16;

/// Subtracts the mean of every column and divides all by one number, so that the mean variance is 1.
void standardise(std::vector<float>& samples, std::size_t columns) {
    const std::size_t count = samples.size() / columns;
    std::vector<double> mean(columns);
    for (std::size_t i = 0; i < samples.size(); ++i) mean[i % columns] += samples[i] / static_cast<double>(count);
    double squares = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double centred = samples[i] - mean[i % columns];
        squares += centred * centred;
    }
    const double scale = squares > 0 ? 1 / std::sqrt(squares / static_cast<double>(samples.size())) : 1;
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<float>((samples[i] - mean[i % columns]) * scale);
}

/// Lower triangle of the covariance of columns [first, first + size).
std::vector<double> covariance(const std::vector<float>& samples, std::size_t columns, std::size_t first,
                               std::size_t size, ThreadPool& pool) {
    const std::size_t count = samples.size() / columns;
    std::vector<double> result(size * size);
    const auto groups = static_cast<std::int64_t>((size + rows_at_once - 1) / rows_at_once);
    pool.parallel_for(groups, [&](std::int64_t group, int) {
        const std::size_t begin = static_cast<std::size_t>(group) * rows_at_once;
        const std::size_t end = std::min(size, begin + rows_at_once);
        std::vector<float> sums((end - begin) * size);
        for (std::size_t s = 0; s < count; ++s) {
            const float* x = samples.data() + s * columns + first;
            for (std::size_t i = begin; i < end; ++i) {
                float* sum = sums.data() + (i - begin) * size;
                const float factor = x[i];
                for (std::size_t j = 0; j < end; ++j) sum[j] += factor * x[j];
            }
        }
        for (std::size_t i = begin; i < end; ++i)
            for (std::size_t j = 0; j <= i; ++j)
                result[i * size + j] = sums[(i - begin) * size + j] / static_cast<double>(count);
    });
    return result;
}

double dot(const double* x, const double* y, std::size_t count) {
    double sums[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (std::size_t k = 0; k < 4; ++k) sums[k] += x[i + k] * y[i + k];
    for (; i < count; ++i) sums[0] += x[i] * y[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/// Replaces the lower triangle of a positive definite matrix by its Cholesky factor L (L L^T).
void factorise(std::vector<double>& matrix, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
            const double rest = matrix[i * size + j] - dot(&matrix[i * size], &matrix[j * size], j);
            matrix[i * size + j] = i == j ? std::sqrt(std::max(rest, damping * damping)) : rest / matrix[j * size + j];
        }
}

}  // namespace

CompensatedRounding::CompensatedRounding(std::vector<float> samples, std::size_t columns, ThreadPool& pool) {
    assert(columns > 0 && samples.size() % columns == 0 && !samples.empty());
    standardise(samples, columns);
    const std::size_t count = (columns + largest_block - 1) / largest_block;
    for (std::size_t b = 0; b < count; ++b) {
        const std::size_t first = columns * b / count;
        Block block{first, columns * (b + 1) / count - first, {}};
        block.factor = covariance(samples, columns, block.first, block.size, pool);
        for (std::size_t i = 0; i < block.size; ++i) block.factor[i * block.size + i] += damping;
        factorise(block.factor, block.size);
        blocks_.push_back(std::move(block));
    }
}

std::vector<double> CompensatedRounding::round(const std::vector<double>& weights) const {
    std::vector<double> result(weights.size());
    for (const Block& block : blocks_) {
        // pull[i] = sum over decided j > i of L[j][i] * error[j]: minimising |L^T error| from the last column on.
        std::vector<double> pull(block.size);
        for (std::size_t i = block.size; i-- > 0;) {
            const double* row = block.factor.data() + i * block.size;
            const double weight = weights[block.first + i];
            const double integer = std::round(weight + pull[i] / row[i]);
            const double error = weight - integer;
            result[block.first + i] = integer;
            for (std::size_t k = 0; k < i; ++k) pull[k] += row[k] * error;
        }
    }
    return result;
}

}  // namespace obscura::compiler
