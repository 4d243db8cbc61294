#include "compiler/peak_gradient.hpp"

#include <algorithm>
#include <cmath>

namespace obscura::compiler {
namespace {

/// Gradient by the values of one layer, or by the input.
struct Shape {
    int channels = 0;
    int height = 0;
    int width = 0;
    std::size_t pixels() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width); }
    std::size_t size() const { return static_cast<std::size_t>(channels) * pixels(); }
};

/// Pixels of the source that a tap reads, by output pixel.
std::vector<std::size_t> positions(const plan::RealOperand& operand, plan::Tap tap, const Shape& output,
                                   const Shape& source) {
    std::vector<std::size_t> result;
    for (int y = 0; y < output.height; ++y)
        for (int x = 0; x < output.width; ++x)
            result.push_back(
                static_cast<std::size_t>(plan::cyclic_pixel(operand.stride * y + tap.dy, operand.stride * x + tap.dx,
                                                            source.height, source.width, operand.padding.wrap)));
    return result;
}

/// Adds to the gradient by the source what comes back through the operand: the transposed convolution.
void add_back(const plan::RealOperand& operand, const std::vector<float>& gradient, const Shape& output,
              const Shape& source, std::vector<float>& result) {
    const std::size_t pixels = output.pixels();
    const auto channels = static_cast<std::size_t>(operand.channels);
    std::vector<float> sums(channels * pixels);
    for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
        std::fill(sums.begin(), sums.end(), 0.0F);
        for (std::size_t o = 0; o < static_cast<std::size_t>(output.channels); ++o) {
            const double* weights = operand.weights.data() + (o * operand.taps.size() + tap) * channels;
            const float* from = gradient.data() + o * pixels;
            for (std::size_t c = 0; c < channels; ++c) {
                const auto weight = static_cast<float>(weights[c]);
                if (weight == 0) continue;
                float* to = sums.data() + c * pixels;
                for (std::size_t p = 0; p < pixels; ++p) to[p] += weight * from[p];
            }
        }
        const std::vector<std::size_t> place = positions(operand, operand.taps[tap], output, source);
        for (std::size_t c = 0; c < channels; ++c)
            for (std::size_t p = 0; p < pixels; ++p) result[c * source.pixels() + place[p]] += sums[c * pixels + p];
    }
}

/// Adds the gradient of log(largest |value|).
void add_peak(const std::vector<float>& values, std::vector<float>& gradient) {
    const auto peak =
        std::max_element(values.begin(), values.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    if (*peak != 0) gradient[static_cast<std::size_t>(peak - values.begin())] += 1 / *peak;
}

/// The head's values are summed over the pixels: all pixels of the class with the largest |sum| count alike.
void add_head_peak(const plan::RealLayer& head, std::span<const float> scores, std::vector<float>& gradient) {
    std::vector<float> sums;
    for (std::size_t o = 0; o < scores.size(); ++o) sums.push_back(scores[o] - static_cast<float>(head.bias[o]));
    std::vector<float> by_class(sums.size());
    add_peak(sums, by_class);
    const std::size_t pixels = gradient.size() / sums.size();
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += by_class[i / pixels];
}

}  // namespace

std::vector<float> PeakGradient::at(const std::vector<std::vector<float>>& values,
                                    std::span<const float> scores) const {
    const auto& input = network_.input;
    std::vector<Shape> shapes{{input.channels, input.height, input.width}};
    for (const auto& layer : network_.layers) shapes.push_back({layer.out_channels, layer.height, layer.width});
    std::vector<std::vector<float>> by_output;  // of the input, then of every layer: squares, or sums
    for (const Shape& shape : shapes) by_output.emplace_back(shape.size());
    for (std::size_t i = network_.layers.size(); i-- > 0;) {
        const plan::RealLayer& layer = network_.layers[i];
        std::vector<float> gradient = std::move(by_output[i + 1]);
        if (layer.finish == plan::Finish::head) add_head_peak(layer, scores, gradient);
        if (layer.finish == plan::Finish::square) {
            for (std::size_t k = 0; k < gradient.size(); ++k) gradient[k] *= 2 * values[i][k];
            add_peak(values[i], gradient);
        }
        for (const plan::RealOperand& operand : layer.operands) {
            const auto source = static_cast<std::size_t>(operand.source + 1);
            add_back(operand, gradient, shapes[i + 1], shapes[source], by_output[source]);
        }
    }
    return std::move(by_output.front());
}

}  // namespace obscura::compiler
