#include "compiler/scales.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace obscura::compiler {
namespace {

constexpr double prime = 1 << 30;

plan::RealLayer layer(plan::Finish finish, int channels, const std::vector<std::pair<int, int>>& sources) {
    plan::RealLayer result;
    result.finish = finish;
    result.out_channels = channels;
    for (const auto& [source, from] : sources) {
        plan::RealOperand operand;
        operand.source = source;
        operand.channels = from;
        operand.taps = {{0, 0}};
        result.operands.push_back(operand);
    }
    return result;
}

/// Two channels throughout: a first layer, a block whose branch comes back to what it left, a pooling, one more layer
/// and a head.
struct Problem {
    Problem() {
        using plan::Finish;
        network.layers = {layer(Finish::square, 2, {{-1, 2}}),        layer(Finish::square, 2, {{0, 2}}),
                          layer(Finish::square, 2, {{1, 2}, {0, 2}}), layer(Finish::none, 2, {{2, 2}}),
                          layer(Finish::square, 2, {{3, 2}}),         layer(Finish::head, 3, {{4, 2}})};
        std::mt19937 random(7);
        std::lognormal_distribution<double> spread(0, 3);
        for (const plan::RealLayer& l : network.layers) {
            LayerSensitivity& s = sensitivity.emplace_back();
            ScaleTerms& t = terms.emplace_back();
            if (l.finish == Finish::none) continue;
            for (const auto& operand : l.operands) {
                auto& weights = s.weights.emplace_back();
                for (int c = 0; c < operand.channels; ++c) weights.push_back(spread(random));
            }
            if (l.finish != Finish::square) continue;
            s.values = {spread(random), spread(random)};
            t = {3e4, prime, {1, 1}, {1e12, 1e12}};
        }
    }

    std::vector<std::vector<double>> solve() const { return balanced_scales(network, sensitivity, terms, input); }

    /// What is to be least: the variance of noise, and of rounding in units of a weight, by what errors of z do.
    double cost(const std::vector<std::vector<double>>& scales) const {
        double sum = 0;
        for (std::size_t l = 0; l < network.layers.size(); ++l) {
            if (network.layers[l].finish != plan::Finish::square) continue;
            for (std::size_t o = 0; o < 2; ++o) {
                double variance = terms[l].noise * terms[l].noise;
                for (std::size_t i = 0; i < network.layers[l].operands.size(); ++i)
                    for (std::size_t c = 0; c < 2; ++c) {
                        int source = network.layers[l].operands[i].source;
                        if (source == 3) source = 2;
                        const double read =
                            source < 0 ? input[c] : std::pow(scales[static_cast<std::size_t>(source)][c], 2);
                        variance += sensitivity[l].weights[i][c] * std::pow(read / prime, 2) / 12;
                    }
                sum += sensitivity[l].values[o] * variance / std::pow(scales[l][o], 2);
            }
        }
        return sum;
    }

    plan::RealNetwork network;
    std::vector<LayerSensitivity> sensitivity;
    std::vector<ScaleTerms> terms;
    std::vector<double> input{std::exp2(44), std::exp2(44)};
};

TEST(BalancedScales, NoOtherScaleIsBetter) {
    Problem problem;
    const auto best = problem.solve();
    ASSERT_EQ(best.size(), problem.network.layers.size());
    EXPECT_TRUE(best[3].empty() && best[5].empty());
    // Nothing reads the last squares but the head, so only their bound limits them.
    EXPECT_DOUBLE_EQ(best[4][0], 1e12);
    problem.terms[4].largest = problem.terms[4].smallest = {3e6, 4e6};
    const auto scales = problem.solve();
    EXPECT_EQ(scales[4], problem.terms[4].largest) << "given ones stay";
    const double least = problem.cost(scales);
    for (const std::size_t l : {0, 1, 2})
        for (const std::size_t o : {0, 1})
            for (const double factor : {0.8, 1.25}) {
                auto other = scales;
                other[l][o] *= factor;
                EXPECT_GT(problem.cost(other), least) << "layer " << l << ", channel " << o << ", times " << factor;
            }
    // Convex: no move of all at once is better either.
    std::mt19937 random(1);
    std::normal_distribution<double> normal(0, 0.5);
    for (int i = 0; i < 200; ++i) {
        auto other = scales;
        for (const std::size_t l : {0, 1, 2})
            for (double& scale : other[l]) scale *= std::exp2(normal(random));
        EXPECT_GT(problem.cost(other), least);
    }
}

TEST(BalancedScales, FollowWhatErrorsDo) {
    Problem problem;
    problem.terms[4].largest = problem.terms[4].smallest = {3e6, 4e6};
    const auto usual = problem.solve();
    Problem other = problem;
    for (double& value : other.sensitivity[1].values) value /= 1e4;
    for (double& value : other.sensitivity[1].weights.front()) value /= 1e4;
    const auto scales = other.solve();
    EXPECT_LT(scales[1][0], usual[1][0] / 4) << "errors that hardly show: finer weights for the reader instead";
    EXPECT_LT(other.cost(scales), other.cost(usual));
    other = problem;
    for (auto& term : other.terms) term.noise *= 16;
    EXPECT_GT(other.solve()[0][0], usual[0][0]) << "more noise";
}

TEST(BalancedScales, StayWithinTheirBounds) {
    Problem problem;
    problem.terms[0].smallest = {1e9, 1e9};
    problem.terms[1].largest = {1e3, 1e3};
    problem.sensitivity[2] = {{0, 0}, {{0, 0}, {0, 0}}};
    const auto scales = problem.solve();
    for (const double scale : scales[0]) EXPECT_GE(scale, 1e9);
    for (const double scale : scales[1]) EXPECT_DOUBLE_EQ(scale, 1e3);
    for (const double scale : scales[2]) EXPECT_DOUBLE_EQ(scale, 1) << "without any effect: the smallest";
    for (auto& layer : problem.sensitivity) std::fill(layer.values.begin(), layer.values.end(), HUGE_VAL);
    for (const auto& layer : problem.solve())
        for (const double scale : layer) EXPECT_TRUE(std::isfinite(scale)) << "effects beyond counting";
}

}  // namespace
}  // namespace obscura::compiler
