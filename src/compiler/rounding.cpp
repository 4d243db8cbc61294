#include "compiler/rounding.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace obscura::compiler {
namespace {

constexpr std::size_t largest_block = 1536;
/// Share of the mean variance added to every variance: the samples are few, and dead inputs have none.
constexpr double damping = 0.01;
constexpr std::size_t columns_at_once = 16;

/// Subtracts the mean of every column.
void centre(std::vector<float>& samples, std::size_t columns) {
    std::vector<double> mean(columns);
    for (std::size_t first = 0; first < samples.size(); first += columns)
        for (std::size_t k = 0; k < columns; ++k) mean[k] += samples[first + k];
    const double count = static_cast<double>(samples.size()) / static_cast<double>(columns);
    for (double& sum : mean) sum /= count;
    for (std::size_t first = 0; first < samples.size(); first += columns)
        for (std::size_t k = 0; k < columns; ++k) samples[first + k] -= static_cast<float>(mean[k]);
}

/// What makes the mean square 1.
double normalising_factor(const std::vector<float>& samples) {
    double squares = 0;
    for (const float value : samples) squares += static_cast<double>(value) * value;
    return squares > 0 ? 1 / std::sqrt(squares / static_cast<double>(samples.size())) : 1;
}

/// Lower triangle of the covariance of columns [first, first + size).
std::vector<double> covariance(const std::vector<float>& samples, std::size_t columns, std::size_t first,
                               std::size_t size, ThreadPool& pool) {
    const std::size_t count = samples.size() / columns;
    std::vector<double> result(size * size);
    const auto groups = static_cast<std::int64_t>((size + columns_at_once - 1) / columns_at_once);
    pool.parallel_for(groups, [&](std::int64_t group, int) {
        const std::size_t begin = static_cast<std::size_t>(group) * columns_at_once;
        const std::size_t end = std::min(size, begin + columns_at_once);
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

/// Replaces the lower triangle of a positive definite matrix by its Cholesky factor L (L L^T), rows and columns taken
/// in the order that is returned: the smallest pivot left is always the next. What is decided first, in rounding, is
/// what comes last; so the columns of much weight are decided while there is much left to compensate with.
std::vector<std::size_t> factorise(std::vector<double>& matrix, std::size_t size) {
    std::vector<std::size_t> order(size);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<double> left(size);
    for (std::size_t i = 0; i < size; ++i) left[i] = matrix[i * size + i];
    std::vector<double> factor(size * size);
    for (std::size_t j = 0; j < size; ++j) {
        const auto from = left.begin() + static_cast<std::ptrdiff_t>(j);
        const auto pivot = j + static_cast<std::size_t>(std::min_element(from, left.end()) - from);
        std::swap(order[j], order[pivot]);
        std::swap(left[j], left[pivot]);
        if (pivot != j) std::swap_ranges(&factor[j * size], &factor[j * size + j], &factor[pivot * size]);
        const double root = std::sqrt(std::max(left[j], damping * damping));
        factor[j * size + j] = root;
        for (std::size_t i = j + 1; i < size; ++i) {
            const double value = matrix[std::max(order[i], order[j]) * size + std::min(order[i], order[j])];
            factor[i * size + j] = (value - dot(&factor[i * size], &factor[j * size], j)) / root;
            left[i] -= factor[i * size + j] * factor[i * size + j];
        }
    }
    matrix = std::move(factor);
    return order;
}

/// x with L L^T x = x given.
void solve(const std::vector<double>& factor, std::size_t size, std::vector<double>& x) {
    for (std::size_t i = 0; i < size; ++i) x[i] = (x[i] - dot(&factor[i * size], x.data(), i)) / factor[i * size + i];
    for (std::size_t i = size; i-- > 0;) {
        x[i] /= factor[i * size + i];
        for (std::size_t k = 0; k < i; ++k) x[k] -= factor[i * size + k] * x[i];
    }
}

}  // namespace

CompensatedRounding::CompensatedRounding(std::vector<float> inputs, std::vector<float> exact, std::size_t columns,
                                         ThreadPool& pool)
    : columns_(columns), inputs_(std::move(inputs)), missing_(std::move(exact)), pool_(pool) {
    assert(columns > 0 && inputs_.size() % columns == 0 && !inputs_.empty() && missing_.size() == inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) missing_[i] -= inputs_[i];
    centre(inputs_, columns);
    centre(missing_, columns);
    factor_ = normalising_factor(inputs_);
    for (float& value : inputs_) value *= static_cast<float>(factor_);
    for (float& value : missing_) value *= static_cast<float>(factor_);
    const std::size_t count = (columns + largest_block - 1) / largest_block;
    for (std::size_t b = 0; b < count; ++b) {
        const std::size_t first = columns * b / count;
        Block block{first, columns * (b + 1) / count - first, {}, {}};
        block.factor = covariance(inputs_, columns, block.first, block.size, pool);
        for (std::size_t i = 0; i < block.size; ++i) block.factor[i * block.size + i] += damping;
        block.order = factorise(block.factor, block.size);
        blocks_.push_back(std::move(block));
    }
}

std::vector<double> CompensatedRounding::left() const {
    std::vector<double> result(columns_);
    for (const Block& block : blocks_)
        for (std::size_t i = 0; i < block.size; ++i) {
            const double root = block.factor[i * block.size + i] / factor_;
            result[block.first + block.order[i]] = root * root;
        }
    return result;
}

std::vector<double> CompensatedRounding::round(std::vector<double> weights, const std::vector<bool>& is_zero) const {
    assert(is_zero.empty() || is_zero.size() == weights.size());
    for (const Block& block : blocks_) {
        aim(block, weights);
        pool_.parallel_for(static_cast<std::int64_t>(weights.size() / columns_), [&](std::int64_t row, int) {
            round_row(block, static_cast<std::size_t>(row), weights, is_zero);
        });
    }
    return weights;
}

/// Adds (X X^T + damping)^-1 X (w M)^T to each row w, with X the inputs and M what they miss.
void CompensatedRounding::aim(const Block& block, std::vector<double>& weights) const {
    const std::size_t rows = weights.size() / columns_, samples = inputs_.size() / columns_;
    std::vector<float> turned(block.size * rows);  // rows side by side: the innermost loops run over them
    for (std::size_t k = 0; k < block.size; ++k)
        for (std::size_t o = 0; o < rows; ++o)
            turned[k * rows + o] = static_cast<float>(weights[o * columns_ + block.first + k]);
    const auto add = [rows](float factor, const float* x, float* sum) {
        for (std::size_t o = 0; o < rows; ++o) sum[o] += factor * x[o];
    };
    std::vector<float> lost(samples * rows);
    pool_.parallel_for(static_cast<std::int64_t>(samples), [&](std::int64_t index, int) {
        const auto s = static_cast<std::size_t>(index);
        const float* missing = &missing_[s * columns_ + block.first];
        for (std::size_t k = 0; k < block.size; ++k) add(missing[k], &turned[k * rows], &lost[s * rows]);
    });
    std::vector<float> pull(block.size * rows);
    const std::size_t groups = (block.size + columns_at_once - 1) / columns_at_once;
    pool_.parallel_for(static_cast<std::int64_t>(groups), [&](std::int64_t group, int) {
        const std::size_t begin = static_cast<std::size_t>(group) * columns_at_once;
        const std::size_t end = std::min(block.size, begin + columns_at_once);
        for (std::size_t s = 0; s < samples; ++s)
            for (std::size_t k = begin; k < end; ++k)
                add(inputs_[s * columns_ + block.first + k], &lost[s * rows], &pull[k * rows]);
    });
    pool_.parallel_for(static_cast<std::int64_t>(rows), [&](std::int64_t row, int) {
        const auto o = static_cast<std::size_t>(row);
        std::vector<double> change(block.size);
        for (std::size_t i = 0; i < block.size; ++i)
            change[i] = pull[block.order[i] * rows + o] / static_cast<double>(samples);
        solve(block.factor, block.size, change);
        for (std::size_t i = 0; i < block.size; ++i) weights[o * columns_ + block.first + block.order[i]] += change[i];
    });
}

void CompensatedRounding::round_row(const Block& block, std::size_t row, std::vector<double>& weights,
                                    const std::vector<bool>& is_zero) const {
    // pull[i] = sum over decided j > i of L[j][i] * error[j]: minimising |L^T error| from the last column on.
    std::vector<double> pull(block.size);
    for (std::size_t i = block.size; i-- > 0;) {
        const double* factors = block.factor.data() + i * block.size;
        const std::size_t at = row * columns_ + block.first + block.order[i];
        const bool fixed = !is_zero.empty() && is_zero[at];
        const double integer = fixed ? 0 : std::round(weights[at] + pull[i] / factors[i]);
        const double error = weights[at] - integer;
        weights[at] = integer;
        for (std::size_t k = 0; k < i; ++k) pull[k] += factors[k] * error;
    }
}

}  // namespace obscura::compiler
