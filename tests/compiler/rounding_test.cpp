#include "compiler/rounding.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace obscura::compiler {
namespace {

constexpr std::size_t columns = 48;
constexpr std::size_t count = 2000;

/// Inputs that share a few common causes, as neighbouring pixels do, with positive means as squares have.
std::vector<float> correlated_samples(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> mixing(columns * 8);
    for (float& value : mixing) value = normal(random);
    std::vector<float> samples;
    for (std::size_t s = 0; s < count; ++s) {
        float causes[8];
        for (float& cause : causes) cause = normal(random);
        for (std::size_t k = 0; k < columns; ++k) {
            float value = 5 + 0.3F * normal(random);
            for (std::size_t c = 0; c < 8; ++c) value += mixing[k * 8 + c] * causes[c];
            samples.push_back(1e12F * value);
        }
    }
    return samples;
}

/// Inputs that earlier rounding has changed, by something that they tell themselves: a part of another input.
std::vector<float> with_part_of_the_next(const std::vector<float>& exact) {
    std::vector<float> wrong = exact;
    for (std::size_t s = 0; s < count; ++s)
        for (std::size_t k = 0; k + 1 < columns; ++k) wrong[s * columns + k] += 0.1F * exact[s * columns + k + 1];
    return wrong;
}

/// Variance over the samples of what the rounding changes in the product.
double product_error(const std::vector<float>& samples, const std::vector<double>& exact,
                     const std::vector<double>& rounded) {
    double sum = 0;
    double squares = 0;
    for (std::size_t s = 0; s < count; ++s) {
        double error = 0;
        for (std::size_t k = 0; k < columns; ++k) error += (rounded[k] - exact[k]) * samples[s * columns + k];
        sum += error;
        squares += error * error;
    }
    return squares / count - sum * sum / (count * count);
}

/// What it says that rounding leaves is what rounding leaves: over many rows, each column's last step is uniform.
TEST(CompensatedRounding, KnowsWhatItLeaves) {
    const std::vector<float> samples = correlated_samples(1);
    ThreadPool pool(2);
    const CompensatedRounding rounding(samples, samples, columns, pool);
    double variance = 0;
    for (const double left : rounding.left()) variance += left / 12;
    std::mt19937 random(5);
    std::uniform_real_distribution<double> uniform(-20, 20);
    constexpr int rows = 400;
    double found = 0;
    for (int row = 0; row < rows; ++row) {
        std::vector<double> exact(columns);
        for (double& weight : exact) weight = uniform(random);
        found += product_error(samples, exact, rounding.round(exact)) / rows;
    }
    // found lacks the damping, which counts in what is said
    EXPECT_LT(found, 1.05 * variance);
    EXPECT_GT(found, 0.6 * variance);
}

TEST(CompensatedRounding, ChangesProductsLessThanPlainRounding) {
    const std::vector<float> samples = correlated_samples(1);
    ThreadPool pool(2);
    const CompensatedRounding rounding(samples, samples, columns, pool);
    std::mt19937 random(2);
    std::uniform_real_distribution<double> uniform(-20, 20);
    double plain = 0;
    double compensated = 0;
    for (int row = 0; row < 20; ++row) {
        std::vector<double> exact(columns);
        for (double& weight : exact) weight = uniform(random);
        std::vector<double> nearest = exact;
        for (double& weight : nearest) weight = std::round(weight);
        const std::vector<double> rounded = rounding.round(exact);
        for (std::size_t k = 0; k < columns; ++k) {
            EXPECT_EQ(rounded[k], std::round(rounded[k]));
            EXPECT_LT(std::abs(rounded[k] - exact[k]), 10);
        }
        plain += product_error(samples, exact, nearest);
        compensated += product_error(samples, exact, rounded);
    }
    EXPECT_LT(compensated, 0.2 * plain);
}

/// Weights that are to be zero are, whatever aiming has made of them, and the others make up for them.
TEST(CompensatedRounding, KeepsZeros) {
    const std::vector<float> exact = correlated_samples(6);
    const std::vector<float> wrong = with_part_of_the_next(exact);
    ThreadPool pool(2);
    const CompensatedRounding rounding(wrong, exact, columns, pool);
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(-200, 200);
    std::vector<double> weights(columns);
    std::vector<bool> is_zero(columns);
    for (std::size_t k = 0; k < columns; ++k) {
        is_zero[k] = k % 3 == 0;
        weights[k] = is_zero[k] ? 0 : uniform(random);
    }
    const auto aimed = rounding.round(weights), kept = rounding.round(weights, is_zero);
    std::vector<double> cut = aimed;
    int changed = 0;
    for (std::size_t k = 0; k < columns; ++k) {
        if (!is_zero[k]) continue;
        changed += aimed[k] != 0 ? 1 : 0;
        EXPECT_EQ(kept[k], 0);
        cut[k] = 0;
    }
    EXPECT_GT(changed, 5);  // so it takes the list to keep them
    EXPECT_LT(product_error(wrong, aimed, kept), product_error(wrong, aimed, cut));
}

TEST(CompensatedRounding, MakesUpForInputsThatAreWrong) {
    const std::vector<float> exact = correlated_samples(4);
    const std::vector<float> wrong = with_part_of_the_next(exact);
    ThreadPool pool(2);
    std::mt19937 random(5);
    std::uniform_real_distribution<double> uniform(-200, 200);
    std::vector<double> weights(20 * columns);
    for (double& weight : weights) weight = uniform(random);
    /// Variance over the samples of what the products differ by, all rows together.
    const auto error = [&](const std::vector<double>& rounded) {
        double total = 0;
        for (std::size_t row = 0; row < weights.size(); row += columns) {
            double sum = 0;
            double squares = 0;
            for (std::size_t s = 0; s < count; ++s) {
                double difference = 0;
                for (std::size_t k = 0; k < columns; ++k)
                    difference += rounded[row + k] * wrong[s * columns + k] - weights[row + k] * exact[s * columns + k];
                sum += difference;
                squares += difference * difference;
            }
            total += squares / count - sum * sum / (count * count);
        }
        return total;
    };
    const double unaware = error(CompensatedRounding(wrong, wrong, columns, pool).round(weights));
    const double aware = error(CompensatedRounding(wrong, exact, columns, pool).round(weights));
    EXPECT_LT(aware, 0.1 * unaware);
}

TEST(CompensatedRounding, IsPlainRoundingForIndependentInputs) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> samples(100000 * 3);
    for (float& value : samples) value = normal(random);
    ThreadPool pool(1);
    const CompensatedRounding rounding(samples, samples, 3, pool);
    EXPECT_EQ(rounding.round({1.3, -2.6, 7.1}), (std::vector<double>{1, -3, 7}));
}

TEST(CompensatedRounding, SurvivesConstantInputs) {
    ThreadPool pool(1);
    const std::vector<float> constant(40, 3.0F);
    const CompensatedRounding rounding(constant, constant, 4, pool);
    EXPECT_EQ(rounding.round({0.6, 1.2, -0.7, 0}), (std::vector<double>{1, 1, -1, 0}));
}

}  // namespace
}  // namespace obscura::compiler
