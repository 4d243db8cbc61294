#include "ckks/encoder.hpp"

#include <cassert>
#include <numbers>

namespace obscura::ckks {

using Complex = std::complex<double>;

Encoder::Encoder(int log_degree) : degree_(1u << log_degree), twiddle_(degree_), leaf_(degree_) {
    const std::uint32_t n = degree_;
    std::vector<std::uint32_t> exponent(2 * n), leaf_of(4 * n);
    exponent[1] = n;
    for (std::uint32_t node = 1; node < n; ++node) {
        const std::uint32_t half = exponent[node] / 2;
        exponent[2 * node] = half;
        exponent[2 * node + 1] = half + 2 * n;
        const double angle = 2 * std::numbers::pi * half / (4.0 * n);
        twiddle_[node] = Complex(std::cos(angle), std::sin(angle));
    }
    for (std::uint32_t leaf = 0; leaf < n; ++leaf) leaf_of[exponent[n + leaf]] = leaf;
    std::uint64_t g = 1;
    for (std::uint32_t j = 0; j < n; ++j) {
        leaf_[j] = leaf_of[g];
        g = g * 5 % (4ull * n);
    }
}

void Encoder::encode(std::span<const double> slots, std::span<double> coefficients) const {
    assert(slots.size() == degree_ && coefficients.size() == degree_);
    const std::uint32_t n = degree_;
    std::vector<Complex> c(n);
    for (std::uint32_t j = 0; j < n; ++j) c[leaf_[j]] = slots[j];
    for (std::uint32_t m = n / 2, h = 1; m >= 1; m /= 2, h *= 2)
        for (std::uint32_t i = 0; i < m; ++i) {
            const Complex w = std::conj(twiddle_[m + i]);
            for (std::uint32_t j = 2 * i * h; j < 2 * i * h + h; ++j) {
                const Complex x = c[j], y = c[j + h];
                c[j] = (x + y) * 0.5;
                c[j + h] = (x - y) * 0.5 * w;
            }
        }
    coefficients[0] = c[0].real();
    for (std::uint32_t j = 1; j < n; ++j) coefficients[j] = 0.5 * (c[j].real() - c[n - j].imag());
}

void Encoder::decode(std::span<const double> coefficients, std::span<double> slots) const {
    assert(slots.size() == degree_ && coefficients.size() == degree_);
    const std::uint32_t n = degree_;
    std::vector<Complex> c(n);
    c[0] = coefficients[0];
    for (std::uint32_t j = 1; j < n; ++j) c[j] = Complex(coefficients[j], -coefficients[n - j]);
    for (std::uint32_t m = 1, h = n / 2; m < n; m *= 2, h /= 2)
        for (std::uint32_t i = 0; i < m; ++i) {
            const Complex w = twiddle_[m + i];
            for (std::uint32_t j = 2 * i * h; j < 2 * i * h + h; ++j) {
                const Complex x = c[j], y = c[j + h] * w;
                c[j] = x + y;
                c[j + h] = x - y;
            }
        }
    for (std::uint32_t j = 0; j < n; ++j) slots[j] = c[leaf_[j]].real();
}

}  // namespace obscura::ckks
