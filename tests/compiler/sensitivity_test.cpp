#include "compiler/sensitivity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <mutex>

#include "compiler/calibration.hpp"
#include "compiler/onnx_fixture.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

using testing::expected;
using testing::model_path;

constexpr std::size_t observed = 1;  ///< layer
constexpr double step = 1e-2;

class SensitivityOfToy : public ::testing::Test {
  protected:
    SensitivityOfToy()
        : network(import_network(model_path("tiny-resnet"))),
          images(testing::images(expected("tiny-resnet"), 8, 8, 2)) {
        normalise_input(network, images);
        // Every image brings another mixture of the scores: the average over many of the same is over mixtures.
        io::Images many = images;
        for (int i = 1; i < 64; ++i) many.pixels.insert(many.pixels.end(), images.pixels.begin(), images.pixels.end());
        many.count = 64 * images.count;
        sensitivity = measure_sensitivity(network, many, pool);
    }

    /// Squared changes of the scores for a unit of change, summed over classes, mean over images, to first order.
    double effect(const std::function<std::vector<float>(double change)>& scores) {
        const std::vector<float> more = scores(step), less = scores(-step);
        double sum = 0;
        for (std::size_t k = 0; k < more.size(); ++k) sum += std::pow((more[k] - less[k]) / (2 * step), 2);
        return sum / images.count;
    }

    plan::RealNetwork network;
    io::Images images;
    ThreadPool pool{2};
    std::vector<LayerSensitivity> sensitivity;
};

TEST_F(SensitivityOfToy, OfValuesIsWhatTheirErrorsDo) {
    const plan::RealLayer& layer = network.layers[observed];
    const plan::PlainNetwork plain(network);
    const auto pixels = static_cast<std::size_t>(layer.height * layer.width);
    ASSERT_EQ(sensitivity[observed].values.size(), static_cast<std::size_t>(layer.out_channels));
    for (std::size_t o = 0; o < sensitivity[observed].values.size(); ++o) {
        double sum = 0;
        for (std::size_t p = 0; p < pixels; ++p)
            sum += effect([&](double change) {
                return plain.scores(images, pool, [&](int, int, int at, std::span<float> z) {
                    if (at == static_cast<int>(observed)) z[o * pixels + p] += static_cast<float>(change);
                });
            });
        // The mean square of 64 mixtures of three scores is within a seventh of its own, usually.
        EXPECT_NEAR(sensitivity[observed].values[o], sum, 0.35 * sum) << "channel " << o;
    }
}

/// What rounding one weight by itself would do is an upper bound: other weights make up for a part of it.
TEST_F(SensitivityOfToy, OfWeightsIsAtMostTheVarianceOfWhatTheyRead) {
    const plan::RealOperand& operand = network.layers[observed].operands.front();
    ASSERT_EQ(operand.source, 0);
    const auto channels = static_cast<std::size_t>(operand.channels);
    std::vector<double> sum(channels), squares(channels);
    std::mutex mutex;
    plan::PlainNetwork(network).scores(images, pool, [&](int, int, int layer, std::span<float> z) {
        if (layer != 0) return;
        const std::lock_guard lock(mutex);
        for (std::size_t k = 0; k < z.size(); ++k) {
            const double u = static_cast<double>(z[k]) * z[k];
            sum[k / 64] += u / (64 * images.count);
            squares[k / 64] += u * u / (64 * images.count);
        }
    });
    ASSERT_EQ(sensitivity[observed].weights.front().size(), channels);
    for (std::size_t c = 0; c < channels; ++c) {
        const double variance = static_cast<double>(operand.taps.size()) * (squares[c] - sum[c] * sum[c]);
        EXPECT_LT(sensitivity[observed].weights.front()[c], 1.02 * variance) << "channel " << c;
        EXPECT_GT(sensitivity[observed].weights.front()[c], 0.003 * variance) << "channel " << c;
    }
}

TEST_F(SensitivityOfToy, IsTheSameAgainAndForEveryLayer) {
    const auto again = measure_sensitivity(network, images, pool);
    EXPECT_EQ(again.front().values, measure_sensitivity(network, images, pool).front().values);
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
        const bool square = network.layers[l].finish == plan::Finish::square;
        EXPECT_EQ(again[l].values.empty(), !square);
        EXPECT_EQ(again[l].weights.size(), square ? network.layers[l].operands.size() : 0U);
    }
}

}  // namespace
}  // namespace obscura::compiler
