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

/// Smallest |A x - b|^2 over the unknowns whose bit is set, the others being 0, by the normal equations; columns are
/// scaled first, as they differ by factors of ten.
Row least_squares(const std::vector<Row>& rows, const std::vector<double>& right, unsigned used) {
    Row scale{};
    for (const Row& row : rows)
        for (std::size_t j = 0; j < unknowns; ++j) scale[j] = std::max(scale[j], row[j]);
    std::array<std::array<double, unknowns + 1>, unknowns> m{};
    for (std::size_t j = 0; j < unknowns; ++j) {
        if ((used >> j & 1) == 0) {
            m[j][j] = 1;
            continue;
        }
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const double x = rows[i][j] / scale[j];
            for (std::size_t k = 0; k < unknowns; ++k)
                if (used >> k & 1) m[j][k] += x * rows[i][k] / scale[k];
            m[j][unknowns] += x * right[i];
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

double squared_error(const std::vector<Row>& rows, const std::vector<double>& right, const Row& x) {
    double sum = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        double error = -right[i];
        for (std::size_t j = 0; j < unknowns; ++j) error += rows[i][j] * x[j];
        sum += error * error;
    }
    return sum;
}

/// The same over all x >= 0: with three unknowns, the best of the seven choices of which are not 0. All 0 if none is.
Row least_squares_above_zero(const std::vector<Row>& rows, const std::vector<double>& right) {
    Row best{};
    double least = squared_error(rows, right, best);
    for (unsigned used = 1; used < 1u << unknowns; ++used) {
        const Row x = least_squares(rows, right, used);
        if (std::any_of(x.begin(), x.end(), [](double value) { return !(value >= 0); })) continue;
        const double error = squared_error(rows, right, x);
        if (error < least) {
            least = error;
            best = x;
        }
    }
    return best;
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
    const Row x = least_squares_above_zero(rows, seconds);
    const auto rate_of = [](double cost) { return 1 / std::max(cost, 1 / free_rate); };
    const double size = transform_size(log_degree);
    MachineRates rates;
    rates.transform_seconds = transform_seconds * threads / transforms / size;
    rates.square_seconds = square_seconds * threads / squares / size;
    rates.product_rate = rate_of(x[0]);
    rates.key_product_rate = rate_of(x[1]);
    rates.pack_rate = rate_of(x[2]);
    rates.threads = threads;
    const bool any_product = std::any_of(x.begin(), x.end(), [](double cost) { return cost > 0; });
    if (!(rates.transform_seconds > 0) || !(rates.square_seconds > 0) || !any_product)
        throw Error(ErrorCode::resource,
                    "the measured times fit no positive rates; measure again while the machine does nothing else");
    return rates;
}

}  // namespace obscura::tensor
