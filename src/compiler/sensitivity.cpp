#include "compiler/sensitivity.hpp"

#include <algorithm>
#include <random>

#include "compiler/back_propagation.hpp"
#include "compiler/calibration.hpp"
#include "compiler/feature_samples.hpp"
#include "compiler/rounding.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr unsigned seed = 1;
/// Images whose gradients are looked at.
constexpr int gradient_images = 64;
/// Of those, whose values are kept at a time.
constexpr int images_at_once = 16;

/// Replaces the gradient by the head's values by that of a mixture with random signs: the mean square of such mixtures
/// of errors is the sum of their squares.
void mix_scores(std::size_t pixels, std::mt19937& random, std::span<float> gradient) {
    for (std::size_t o = 0; o < gradient.size(); o += pixels) {
        const float sign = random() % 2 == 0 ? 1.0F : -1.0F;
        for (std::size_t p = 0; p < pixels; ++p) gradient[o + p] = sign;
    }
}

/// Squared gradients of each image by each layer's channels, summed over the pixels: [image][layer][channel]. `first`:
/// number of the first of these images.
std::vector<std::vector<std::vector<double>>> squared_gradients(const plan::RealNetwork& network,
                                                                const plan::PlainNetwork& plain,
                                                                const io::Images& images, int first, ThreadPool& pool) {
    const auto count = static_cast<std::size_t>(images.count);
    const std::size_t layers = network.layers.size();
    std::vector<std::vector<std::vector<float>>> values(count, std::vector<std::vector<float>>(layers));
    plain.scores(images, pool, [&](int image, int, int layer, std::span<float> z) {
        values[static_cast<std::size_t>(image)][static_cast<std::size_t>(layer)].assign(z.begin(), z.end());
    });
    std::vector<std::vector<std::vector<double>>> squares(count, std::vector<std::vector<double>>(layers));
    const BackPropagation propagation(network);
    pool.parallel_for(images.count, [&](std::int64_t index, int) {
        const auto image = static_cast<std::size_t>(index);
        std::mt19937 random(seed + static_cast<unsigned>(first) + static_cast<unsigned>(image));
        propagation.run(values[image], [&](std::size_t l, std::span<float> gradient) {
            const auto channels = static_cast<std::size_t>(network.layers[l].out_channels);
            const std::size_t pixels = gradient.size() / channels;
            if (network.layers[l].finish == plan::Finish::head) mix_scores(pixels, random, gradient);
            squares[image][l].resize(channels);
            for (std::size_t k = 0; k < gradient.size(); ++k)
                squares[image][l][k / pixels] += static_cast<double>(gradient[k]) * gradient[k];
        });
    });
    return squares;
}

void measure_values(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool,
                    std::vector<LayerSensitivity>& result) {
    const plan::PlainNetwork plain(network);
    for (std::size_t l = 0; l < network.layers.size(); ++l)
        if (network.layers[l].finish == plan::Finish::square)
            result[l].values.resize(static_cast<std::size_t>(network.layers[l].out_channels));
    const int count = std::min(images.count, gradient_images);
    for (int first = 0; first < count; first += images_at_once) {
        const io::Images some = io::slice(images, first, std::min(images_at_once, count - first));
        for (const auto& image : squared_gradients(network, plain, some, first, pool))
            for (std::size_t l = 0; l < result.size(); ++l)
                for (std::size_t o = 0; o < result[l].values.size(); ++o) result[l].values[o] += image[l][o] / count;
    }
}

void measure_weights(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool,
                     std::vector<LayerSensitivity>& result) {
    FeatureSamples samples(network, images, pool);
    for (std::size_t l = 0; l + 1 < network.layers.size(); ++l) {
        const plan::RealLayer& layer = network.layers[l];
        if (layer.finish == plan::Finish::square) {
            const std::size_t count = column_count(layer);
            FeatureSamples::Columns columns = samples.columns(static_cast<int>(l), usual_samples(count) / 2);
            const CompensatedRounding rounding(std::move(columns.exact), std::move(columns.rounded), count, pool);
            const std::vector<double> left = rounding.left();
            auto column = left.begin();
            for (const plan::RealOperand& operand : layer.operands) {
                auto& sums = result[l].weights.emplace_back(static_cast<std::size_t>(operand.channels));
                for (std::size_t tap = 0; tap < operand.taps.size(); ++tap)
                    for (double& sum : sums) sum += *column++;
            }
        }
        samples.advance(static_cast<int>(l));
    }
}

}  // namespace

std::vector<LayerSensitivity> measure_sensitivity(const plan::RealNetwork& network, const io::Images& images,
                                                  ThreadPool& pool) {
    std::vector<LayerSensitivity> result(network.layers.size());
    measure_values(network, images, pool, result);
    measure_weights(network, images, pool, result);
    return result;
}

}  // namespace obscura::compiler
