#include "compiler/sensitivity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

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
        for (int i = 1; i < 300; ++i) many.pixels.insert(many.pixels.end(), images.pixels.begin(), images.pixels.end());
        many.count = 300 * images.count;
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
        EXPECT_NEAR(sensitivity[observed].values[o], sum, 0.15 * sum) << "channel " << o;
    }
}

/// An error of a weight is that times what the weight reads, less its mean, which a bias takes back.
TEST_F(SensitivityOfToy, OfWeightsIsWhatTheirErrorsDoBesideTheBias) {
    const plan::RealLayer& layer = network.layers[observed];
    const plan::RealOperand& operand = layer.operands.front();
    ASSERT_EQ(operand.source, 0);
    const auto channels = static_cast<std::size_t>(operand.channels);
    std::vector<double> mean(channels);
    const Statistics statistics = measure(network, images, pool);
    ASSERT_EQ(statistics.images, images.count);
    for (std::size_t c = 0; c < channels; ++c) mean[c] = statistics.layers[0].mean_square[c];
    for (std::size_t o = 0; o < static_cast<std::size_t>(layer.out_channels); o += 2)
        for (std::size_t c = 0; c < channels; c += 2) {
            double sum = 0;
            for (std::size_t tap = 0; tap < operand.taps.size(); ++tap)
                sum += effect([&](double change) {
                    plan::RealNetwork changed = network;
                    changed.layers[observed].operands.front().weights[(o * operand.taps.size() + tap) * channels + c] +=
                        change;
                    changed.layers[observed].bias[o] -= change * mean[c];
                    return plan::PlainNetwork(changed).scores(images, pool);
                });
            EXPECT_NEAR(sensitivity[observed].weights.front()[o * channels + c], sum, 0.25 * sum)
                << "from channel " << c << " to " << o;
        }
}

TEST_F(SensitivityOfToy, IsTheSameAgainAndForEveryLayer) {
    const auto again = measure_sensitivity(network, images, pool);
    EXPECT_EQ(again.front().values, measure_sensitivity(network, images, pool).front().values);
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
        const bool square = network.layers[l].finish == plan::Finish::square;
        EXPECT_EQ(again[l].values.empty(), !square);
        EXPECT_EQ(again[l].weights.size(),
                  network.layers[l].finish == plan::Finish::none ? 0U : network.layers[l].operands.size());
    }
}

}  // namespace
}  // namespace obscura::compiler
