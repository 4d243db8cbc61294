#include "compiler/back_propagation.hpp"

#include <algorithm>

#include "compiler/source_pixels.hpp"

namespace obscura::compiler {
namespace {

/// Adds to the gradient by the source what comes back through the operand: the transposed convolution.
void add_back(const plan::RealLayer& layer, const plan::RealOperand& operand, const std::vector<float>& gradient,
              std::vector<float>& result) {
    const auto pixels = static_cast<std::size_t>(layer.height * layer.width);
    const auto channels = static_cast<std::size_t>(operand.channels);
    const std::size_t plane = result.size() / channels;
    std::vector<float> sums(channels * pixels);
    for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
        std::fill(sums.begin(), sums.end(), 0.0F);
        for (std::size_t o = 0; o < static_cast<std::size_t>(layer.out_channels); ++o) {
            const double* weights = operand.weights.data() + (o * operand.taps.size() + tap) * channels;
            const float* from = gradient.data() + o * pixels;
            for (std::size_t c = 0; c < channels; ++c) {
                const auto weight = static_cast<float>(weights[c]);
                if (weight == 0) continue;
                float* to = sums.data() + c * pixels;
                for (std::size_t p = 0; p < pixels; ++p) to[p] += weight * from[p];
            }
        }
        const std::vector<int> place = source_pixels(layer, operand, operand.taps[tap]);
        for (std::size_t c = 0; c < channels; ++c)
            for (std::size_t p = 0; p < pixels; ++p)
                if (place[p] >= 0) result[c * plane + static_cast<std::size_t>(place[p])] += sums[c * pixels + p];
    }
}

}  // namespace

std::vector<float> BackPropagation::run(const std::vector<std::vector<float>>& values, const Visit& visit) const {
    const auto& input = network_.input;
    const auto zeros = [](int channels, int height, int width) {
        return std::vector<float>(static_cast<std::size_t>(channels * height * width));
    };
    // by the input, then by every layer's output: squares, or sums
    std::vector<std::vector<float>> by_output{zeros(input.channels, input.height, input.width)};
    for (const auto& layer : network_.layers) by_output.push_back(zeros(layer.out_channels, layer.height, layer.width));
    for (std::size_t i = network_.layers.size(); i-- > 0;) {
        const plan::RealLayer& layer = network_.layers[i];
        std::vector<float> gradient = std::move(by_output[i + 1]);
        if (layer.finish == plan::Finish::square)
            for (std::size_t k = 0; k < gradient.size(); ++k) gradient[k] *= 2 * values[i][k];
        visit(i, gradient);
        for (const plan::RealOperand& operand : layer.operands)
            add_back(layer, operand, gradient, by_output[static_cast<std::size_t>(operand.source + 1)]);
    }
    return std::move(by_output.front());
}

}  // namespace obscura::compiler
