#include "ckks/encoder.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <numbers>

#include "ckks/toy.hpp"

namespace obscura::ckks::test {
namespace {

using Reals = std::vector<double>;

Reals random_reals(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 rng(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    Reals v(count);
    for (auto& x : v) x = uniform(rng);
    return v;
}

Reals encode(int log_degree, const Reals& slots) {
    Reals coefficients(slots.size());
    Encoder(log_degree).encode(slots, coefficients);
    return coefficients;
}
Reals decode(int log_degree, const Reals& coefficients) {
    Reals slots(coefficients.size());
    Encoder(log_degree).decode(coefficients, slots);
    return slots;
}

double root_mean_square(const Reals& v) {
    double sum = 0;
    for (const double x : v) sum += x * x;
    return std::sqrt(sum / static_cast<double>(v.size()));
}

/// Y^m + Y^-m as a multiple (-1, 0 or 1) of a basis element e_i = Y^i + Y^-i, 0 <= i < N, e_0 standing for 2:
/// Y^4N = 1, Y^2N = -1, and Y^N = I makes e_{N+k} = -e_{N-k}, e_N = 0.
struct BasisElement {
    std::uint64_t index;
    int sign;
};
BasisElement reduce(std::uint64_t m, std::uint64_t n) {
    int sign = 1;
    m %= 4 * n;
    if (m >= 2 * n) {
        m -= 2 * n;
        sign = -sign;
    }
    if (m == n) return {0, 0};
    if (m > n) {
        m = 2 * n - m;
        sign = -sign;
    }
    return {m, sign};
}

/// Product by the definition: e_i e_j = e_{i+j} + e_{|i-j|}. Doubled constant terms make all terms alike.
Reals ring_product(const Reals& a, const Reals& b) {
    const std::uint64_t n = a.size();
    Reals result(n);
    auto add = [&](std::uint64_t m, double v) {
        const auto [index, sign] = reduce(m, n);
        result[index] += sign * v * (index == 0 ? 2 : 1);  // e_0 = 2
    };
    for (std::uint64_t i = 0; i < n; ++i)
        for (std::uint64_t j = 0; j < n; ++j) {
            const double v = a[i] * b[j] * (i == 0 ? 0.5 : 1) * (j == 0 ? 0.5 : 1);
            add(i + j, v);
            add(i > j ? i - j : j - i, v);
        }
    return result;
}

/// Y -> Y^(5^step) on coefficients.
Reals automorphism(const Reals& a, std::uint64_t step) {
    const std::uint64_t n = a.size();
    std::uint64_t g = 1;
    for (std::uint64_t i = 0; i < step; ++i) g = g * 5 % (4 * n);
    Reals result(n);
    result[0] = a[0];
    for (std::uint64_t i = 1; i < n; ++i) {
        const auto [index, sign] = reduce(i * g, n);
        result[index] += sign * a[i];
    }
    return result;
}

class EncoderOfDegree : public ::testing::TestWithParam<int> {};

/// A transform of log2 N stages in double precision (u = 2^-53): each stage rounds a product and a sum, and twiddle
/// factors are off by up to 2 pi u (the angle is rounded) plus u, so a stage adds an error of at most about 4 u rms,
/// independent between stages: 4 u sqrt(2 log2 N) for both directions, 22 u at N = 2^15. Six of these are 2^-45.9 of
/// the rms slot; the header promises 2^-45 of the largest.
TEST_P(EncoderOfDegree, RoundTripErrorIsWithinTheBound) {
    const int log_degree = GetParam();
    const auto slots = random_reals(std::size_t{1} << log_degree, 1);
    const auto coefficients = encode(log_degree, slots);
    EXPECT_LT(largest_difference(decode(log_degree, coefficients), slots), 0x1p-45);
    Reals wild = slots;  // one slot far larger than the others: the error is relative to it
    wild[wild.size() / 3] = 0x1p60;
    EXPECT_LT(largest_difference(decode(log_degree, encode(log_degree, wild)), wild), 0x1p60 * 0x1p-45);
    // The other way round the error is relative to the rms coefficient times sqrt(2N), the rms slot.
    const auto again = encode(log_degree, decode(log_degree, slots));
    EXPECT_LT(largest_difference(again, slots), 0x1p-45 * std::sqrt(2.0 * static_cast<double>(slots.size())));
}

/// The mean of the squared slots is a_0^2 + 2 sum a_i^2 (the transform is orthogonal up to factors): sums of N numbers
/// below 1, rounded, are good to 1e-12.
TEST_P(EncoderOfDegree, KeepsTheNorm) {
    const int log_degree = GetParam();
    const auto slots = random_reals(std::size_t{1} << log_degree, 2);
    const auto a = encode(log_degree, slots);
    double sum = a[0] * a[0];
    for (std::size_t i = 1; i < a.size(); ++i) sum += 2 * a[i] * a[i];
    EXPECT_NEAR(sum, std::pow(root_mean_square(slots), 2), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Degrees, EncoderOfDegree, ::testing::Values(10, 13, 15));

/// N terms of at most 2 each are summed: 2^10 of them, rounded at 2^-53 each, stay below 2^-42.
TEST(Encoder, SlotsAreValuesAtThePowersOfFive) {
    constexpr int log_degree = 10;
    constexpr std::uint64_t n = 1 << log_degree;
    const auto a = random_reals(n, 3);
    Reals expected(n);
    std::uint64_t g = 1;
    for (auto& slot : expected) {
        slot = a[0];
        for (std::uint64_t i = 1; i < n; ++i)
            slot += 2 * a[i] * std::cos(2 * std::numbers::pi * static_cast<double>(i * g % (4 * n)) / (4.0 * n));
        g = g * 5 % (4 * n);
    }
    EXPECT_LT(largest_difference(decode(log_degree, a), expected), 0x1p-40);
}

TEST(Encoder, ConstantsAreConstants) {
    const auto a = encode(10, Reals(1024, 1.5));
    EXPECT_NEAR(a[0], 1.5, 1e-14);
    EXPECT_LT(root_mean_square(Reals(a.begin() + 1, a.end())), 1e-15);
}

/// Slots are below 1: products and sums of up to 2^8 terms are good to about 2^8 u; 2^-40 leaves room and would still
/// catch any wrong term, which is of the order of 1/sqrt(N).
TEST(Encoder, ProductOfSlotsIsTheRingProduct) {
    EXPECT_TRUE(rc::check([] {
        const int log_degree = *rc::gen::inRange(2, 9);
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        const auto x = random_reals(std::size_t{1} << log_degree, seed),
                   y = random_reals(std::size_t{1} << log_degree, seed + 1);
        Reals product(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) product[i] = x[i] * y[i];
        const auto a = ring_product(encode(log_degree, x), encode(log_degree, y));
        RC_ASSERT(largest_difference(decode(log_degree, a), product) < 0x1p-40);
    }));
}

TEST(Encoder, AutomorphismsOfExponentsRotateSlots) {
    EXPECT_TRUE(rc::check([] {
        const int log_degree = *rc::gen::inRange(2, 11);
        const int step = *rc::gen::inRange(0, 1 << log_degree);
        const auto slots = random_reals(std::size_t{1} << log_degree, *rc::gen::arbitrary<std::uint64_t>());
        const auto a = automorphism(encode(log_degree, slots), static_cast<std::uint64_t>(step));
        RC_ASSERT(largest_difference(decode(log_degree, a), rotated(slots, step)) < 0x1p-40);
    }));
}

}  // namespace
}  // namespace obscura::ckks::test
