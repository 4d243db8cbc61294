#include "compiler/feature_samples.hpp"

#include <algorithm>
#include <random>

#include "compiler/calibration.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr unsigned seed = 1;

std::vector<float> encode(const plan::InputEncoding& input, const io::Images& images, int image) {
    const int pixels = input.height * input.width;
    const auto first = static_cast<std::size_t>(image) * static_cast<std::size_t>(pixels * input.channels);
    std::vector<float> result;
    for (int c = 0; c < input.channels; ++c)
        for (int p = 0; p < pixels; ++p) {
            const auto k = static_cast<std::size_t>(c);
            const double pixel = images.pixels[first + static_cast<std::size_t>(p * input.channels + c)];
            result.push_back(static_cast<float>((pixel - input.mean[k]) * input.factor[k]));
        }
    return result;
}

}  // namespace

FeatureSamples::FeatureSamples(const plan::RealNetwork& network, const io::Images& images, int count, ThreadPool& pool)
    : network_(network), images_(std::min(count, images.count)) {
    const io::Images sample = first_images(images, images_);
    outputs_.resize(network.layers.size() + 1, std::vector<std::vector<float>>(static_cast<std::size_t>(images_)));
    for (int i = 0; i < images_; ++i) outputs_[0][static_cast<std::size_t>(i)] = encode(network.input, sample, i);
    const plan::PlainNetwork plain(network);
    plain.scores(sample, pool, [&](int image, int, int layer, std::span<float> z) {
        auto& output = outputs_[static_cast<std::size_t>(layer) + 1][static_cast<std::size_t>(image)];
        output.assign(z.begin(), z.end());
        if (network.layers[static_cast<std::size_t>(layer)].finish == plan::Finish::square)
            for (float& value : output) value *= value;
    });
}

std::vector<float> FeatureSamples::columns(int layer, int samples) const {
    const plan::RealLayer& reader = network_.layers[static_cast<std::size_t>(layer)];
    const int pixels = reader.height * reader.width;
    const int each = std::clamp(samples / images_, 1, pixels);
    std::mt19937 random(seed);
    std::vector<float> result;
    for (std::size_t image = 0; image < static_cast<std::size_t>(images_); ++image)
        for (int i = 0; i < each; ++i) {
            const int p = each == pixels ? i : static_cast<int>(random() % static_cast<unsigned>(pixels));
            for (const plan::RealOperand& operand : reader.operands) {
                const auto source = static_cast<std::size_t>(operand.source + 1);
                const int height = operand.stride * reader.height;
                const int width = operand.stride * reader.width;
                const std::vector<float>& u = outputs_[source][image];
                const int y = operand.stride * (p / reader.width), x = operand.stride * (p % reader.width);
                for (const plan::Tap& tap : operand.taps) {
                    const int from = plan::cyclic_pixel(y + tap.dy, x + tap.dx, height, width, operand.padding.wrap);
                    for (int c = 0; c < operand.channels; ++c)
                        result.push_back(u[static_cast<std::size_t>(c * height * width + from)]);
                }
            }
        }
    return result;
}

}  // namespace obscura::compiler
