#include "compiler/back_propagation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compiler/calibration.hpp"
#include "compiler/onnx_fixture.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

using testing::expected;
using testing::model_path;

double rms(const std::vector<float>& values) {
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * value;
    return std::sqrt(squares / static_cast<double>(values.size()));
}

/// The sum over classes of sign * score of the first image, with `change` added to value k of a layer.
double mixture(const plan::PlainNetwork& network, const io::Images& image, ThreadPool& pool, std::size_t layer,
               std::size_t k, float change) {
    const auto scores = network.scores(image, pool, [&](int, int, int at, std::span<float> z) {
        if (static_cast<std::size_t>(at) == layer) z[k] += change;
    });
    double sum = 0;
    for (std::size_t o = 0; o < scores.size(); ++o) sum += (o % 2 == 0 ? 1 : -1) * static_cast<double>(scores[o]);
    return sum;
}

/// Strides, shortcuts, poolings and every kind of padding: the gradient by every layer's values is what small changes
/// of them do.
TEST(BackPropagation, IsTheDerivativeOfTheReference) {
    for (const auto& [name, channels] : {std::pair{"tiny-resnet", 2}, std::pair{"tiny-zeros", 2},
                                         std::pair{"tiny-twisted", 2}, std::pair{"tiny-pool", 1}}) {
        plan::RealNetwork network = import_network(model_path(name));
        const io::Images images = testing::images(expected(name), 8, 8, channels);
        normalise_input(network, images);
        const io::Images image = first_images(images, 1);
        const plan::PlainNetwork plain(network);
        ThreadPool pool(1);
        std::vector<std::vector<float>> values(network.layers.size());
        plain.scores(image, pool, [&](int, int, int layer, std::span<float> z) {
            values[static_cast<std::size_t>(layer)].assign(z.begin(), z.end());
        });
        std::vector<std::vector<float>> gradients(network.layers.size());
        BackPropagation(network).run(values, [&](std::size_t layer, std::span<float> gradient) {
            const std::size_t pixels = gradient.size() / static_cast<std::size_t>(network.layers[layer].out_channels);
            if (network.layers[layer].finish == plan::Finish::head)
                for (std::size_t k = 0; k < gradient.size(); ++k) gradient[k] = k / pixels % 2 == 0 ? 1 : -1;
            gradients[layer].assign(gradient.begin(), gradient.end());
        });
        std::mt19937 random(3);
        for (std::size_t l = 0; l + 1 < network.layers.size(); ++l) {
            const double size = rms(gradients[l]);
            const auto step = static_cast<float>(0.03 * rms(values[l]));
            ASSERT_GT(size, 0) << name << ", layer " << l;
            for (int i = 0; i < 20; ++i) {
                const std::size_t k = random() % gradients[l].size();
                const double slope =
                    (mixture(plain, image, pool, l, k, step) - mixture(plain, image, pool, l, k, -step)) / (2 * step);
                EXPECT_NEAR(gradients[l][k], slope, 0.02 * std::abs(slope) + 0.02 * size)
                    << name << ", layer " << l << ", value " << k;
            }
        }
    }
}

}  // namespace
}  // namespace obscura::compiler
