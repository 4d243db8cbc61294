#include "compiler/feature_samples.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "compiler/calibration.hpp"
#include "compiler/onnx_fixture.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

using testing::expected;
using testing::model_path;

struct Toy {
    explicit Toy(const std::string& name, int channels)
        : network(import_network(model_path(name))), images(testing::images(expected(name), 8, 8, channels)) {
        normalise_input(network, images);
    }
    plan::RealNetwork network;
    io::Images images;
    ThreadPool pool{2};
};

/// A layer that gives zeros, so that the drift is the exact output's mean, taken away.
plan::RealLayer silent(plan::RealLayer layer) {
    for (auto& operand : layer.operands) std::fill(operand.weights.begin(), operand.weights.end(), 0.0);
    std::fill(layer.bias.begin(), layer.bias.end(), 0.0);
    for (auto& border : layer.borders) std::fill(border.shift.begin(), border.shift.end(), 0.0);
    return layer;
}

/// Channel by channel, outputs of layers with strides, shortcuts or zero padding are on average what the reference has.
TEST(FeatureSamples, FollowTheReference) {
    for (const auto& [name, channels] :
         {std::pair{"tiny-resnet", 2}, std::pair{"tiny-zeros", 2}, std::pair{"tiny-twisted", 2}}) {
        Toy toy(name, channels);
        std::vector<std::vector<double>> means;
        for (const auto& layer : toy.network.layers) means.emplace_back(static_cast<std::size_t>(layer.out_channels));
        std::mutex mutex;
        plan::PlainNetwork(toy.network).scores(toy.images, toy.pool, [&](int, int, int layer, std::span<float> z) {
            auto& mean = means[static_cast<std::size_t>(layer)];
            const bool square = toy.network.layers[static_cast<std::size_t>(layer)].finish == plan::Finish::square;
            const std::size_t pixels = z.size() / mean.size();
            const std::lock_guard lock(mutex);
            for (std::size_t i = 0; i < z.size(); ++i)
                mean[i / pixels] += (square ? z[i] * z[i] : z[i]) / static_cast<double>(pixels) / toy.images.count;
        });
        FeatureSamples samples(toy.network, toy.images, toy.pool);
        for (std::size_t i = 0; i + 1 < toy.network.layers.size(); ++i) {
            const plan::RealLayer& layer = toy.network.layers[i];
            samples.advance(static_cast<int>(i), silent(layer));
            const std::vector<double> drift = samples.drift(static_cast<int>(i));
            ASSERT_EQ(drift.size(), means[i].size());
            for (std::size_t c = 0; c < drift.size(); ++c)
                EXPECT_NEAR(-drift[c], means[i][c], 1e-4 * std::abs(means[i][c]) + 1e-5)
                    << name << ", " << layer.name << ", channel " << c;
        }
    }
}

TEST(FeatureSamples, TellWhatRoundingAdds) {
    Toy toy("tiny-resnet", 2);
    FeatureSamples samples(toy.network, toy.images, toy.pool);
    plan::RealLayer rounded = toy.network.layers.front();
    for (auto& weight : rounded.operands.front().weights) weight *= 1.1;
    for (double& bias : rounded.bias) bias *= 1.1;
    samples.advance(0, rounded);
    const auto columns = samples.columns(1, 1 << 20);
    ASSERT_EQ(columns.exact.size(), columns.rounded.size());
    for (std::size_t i = 0; i < columns.exact.size(); ++i)
        EXPECT_NEAR(columns.rounded[i], 1.21 * columns.exact[i], 1e-4 * std::abs(columns.exact[i]) + 1e-4);
    for (const double drift : samples.drift(0)) EXPECT_GT(drift, 0);
}

}  // namespace
}  // namespace obscura::compiler
