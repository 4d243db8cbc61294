#include "tensor/rate_fit.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "base/error.hpp"

namespace obscura::tensor {
namespace {

constexpr std::size_t unknowns = 3;
using Row = std::array<double, unknowns>;

/// Smallest |A x - b|^2 by the normal equations; columns are scaled first, as they differ by factors of ten.
Row least_squares(std::vector<Row> rows, const std::vector<double>& right) {
    Row scale{};
    for (const Row& row : rows)
        for (std::size_t j = 0; j < unknowns; ++j) scale[j] = std::max(scale[j], row[j]);
    std::array<std::array<double, unknowns + 1>, unknowns> m{};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Row& row = rows[i];
        for (std::size_t j = 0; j < unknowns; ++j) row[j] /= scale[j];
        for (std::size_t j = 0; j < unknowns; ++j) {
            for (std::size_t k = 0; k < unknowns; ++k) m[j][k] += row[j] * row[k];
            m[j][unknowns] += row[j] * right[i];
        }
    }
    for (std::size_t j = 0; j < unknowns; ++j) {
        // the matrix is positive definite: no pivoting
        for (std::size_t i = 0; i < unknowns; ++i) {
            if (i == j) continue;
            const double factor = m[i][j] / m[j][j];
            for (std::size_t k = j; k <= unknowns; ++k) m[i][k] -= factor * m[j][k];
        }
    }
    Row x{};
    for (std::size_t j = 0; j < unknowns; ++j) x[j] = m[j][unknowns] / m[j][j] / scale[j];
    return x;
}

}  // namespace

MachineRates fit_rates(const std::vector<LayerWork>& work, const std::vector<LinearTimes>& times, int log_degree,
                       int threads) {
    assert(work.size() == times.size());
    double squares = 0, square_seconds = 0, transforms = 0, transform_seconds = 0;
    std::vector<Row> rows;
    std::vector<double> seconds;
    for (std::size_t i = 0; i < work.size(); ++i) {
        squares += work[i].relinearise;
        square_seconds += times[i].relinearise;
        transforms += work[i].rotate + work[i].finish;
        transform_seconds += times[i].rotate + times[i].finish;
        rows.push_back({work[i].products, work[i].key_products, work[i].words});
        seconds.push_back(times[i].product * threads);
    }
    const Row x = least_squares(std::move(rows), seconds);
    const double size = transform_size(log_degree);
    MachineRates rates;
    rates.transform_seconds = transform_seconds * threads / transforms / size;
    rates.square_seconds = square_seconds * threads / squares / size;
    rates.product_rate = 1 / x[0];
    rates.key_product_rate = 1 / x[1];
    rates.pack_rate = 1 / x[2];
    rates.threads = threads;
    for (const double rate :
         {rates.transform_seconds, rates.square_seconds, rates.product_rate, rates.key_product_rate, rates.pack_rate})
        if (!(rate > 0) || !std::isfinite(rate))
            throw Error(ErrorCode::resource,
                        "the measured times fit no positive rates; measure again while the machine does nothing else");
    return rates;
}

}  // namespace obscura::tensor
