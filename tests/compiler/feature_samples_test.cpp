#include "compiler/feature_samples.hpp"

#include <gtest/gtest.h>

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

/// Everything that the layers of a network with strides, shortcuts or zero padding read is what the reference computes.
TEST(FeatureSamples, FollowTheReference) {
    for (const auto& [name, channels] : {std::pair{"tiny-resnet", 2}, std::pair{"tiny-zeros", 2}}) {
        Toy toy(name, channels);
        std::vector<double> means(toy.network.layers.size());
        std::mutex mutex;
        plan::PlainNetwork(toy.network).scores(toy.images, toy.pool, [&](int, int, int layer, std::span<float> z) {
            const bool square = toy.network.layers[static_cast<std::size_t>(layer)].finish == plan::Finish::square;
            double sum = 0;
            for (const float value : z) sum += square ? value * value : value;
            const std::lock_guard lock(mutex);
            means[static_cast<std::size_t>(layer)] += sum / static_cast<double>(z.size()) / toy.images.count;
        });
        FeatureSamples samples(toy.network, toy.images, toy.pool);
        for (std::size_t i = 0; i + 1 < toy.network.layers.size(); ++i) {
            const plan::RealLayer& layer = toy.network.layers[i];
            samples.advance(static_cast<int>(i), layer);
            for (const double drift : samples.drift(static_cast<int>(i))) EXPECT_EQ(drift, 0);
            plan::RealLayer reader = toy.network.layers[i + 1];
            if (reader.operands.size() > 1 || reader.operands.front().source != static_cast<int>(i) ||
                reader.operands.front().padding == plan::Padding::zeros || reader.operands.front().stride != 1)
                continue;  // every pixel is read as often as any other in the rest
            const auto columns = samples.columns(static_cast<int>(i) + 1, 1 << 20);
            EXPECT_EQ(columns.exact, columns.rounded);
            double sum = 0;
            for (const float value : columns.exact) sum += value;
            const double mean = sum / static_cast<double>(columns.exact.size());
            EXPECT_NEAR(mean, means[i], 1e-4 * std::abs(means[i])) << name << ", " << layer.name;
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
