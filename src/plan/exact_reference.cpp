#include "plan/exact_reference.hpp"

#include <cmath>

namespace obscura::plan {
namespace {

__extension__ using Wide = __int128;

struct Tensor {
    int height = 0;
    int width = 0;
    std::vector<Wide> values;  ///< [channels][height*width]
};

Wide rounded_quotient(Wide value, Wide divisor) {
    return value >= 0 ? (value + divisor / 2) / divisor : -((-value + divisor / 2) / divisor);
}

std::vector<Wide> sums(const Layer& layer, const std::vector<Tensor>& tensors) {
    const int pixels = layer.height * layer.width;
    std::vector<Wide> result(static_cast<std::size_t>(layer.out_channels * pixels));
    for (const Operand& operand : layer.operands) {
        const Tensor& source = tensors[static_cast<std::size_t>(operand.source + 1)];
        const int source_pixels = source.height * source.width;
        std::size_t k = 0;
        for (int o = 0; o < layer.out_channels; ++o)
            for (const Tap& tap : operand.taps)
                for (int c = 0; c < operand.channels; ++c) {
                    const Wide weight = operand.weights[k++];
                    for (int p = 0; p < pixels; ++p) {
                        const int y = p / layer.width, x = p % layer.width;
                        if (operand.padding == Padding::zeros &&
                            !is_inside(tap, operand.stride, y, x, layer.height, layer.width))
                            continue;
                        const int from = cyclic_pixel(operand.stride * y + tap.dy, operand.stride * x + tap.dx,
                                                      source.height, source.width, operand.padding.wrap);
                        result[static_cast<std::size_t>(o * pixels + p)] +=
                            weight * source.values[static_cast<std::size_t>(c * source_pixels + from)];
                    }
                }
    }
    return result;
}

/// What is added to z after the division, [out_channels][pixels].
std::vector<Wide> constants(const Layer& layer) {
    const auto pixels = static_cast<std::size_t>(layer.height * layer.width);
    std::vector<Wide> result;
    for (const double bias : layer.bias) result.resize(result.size() + pixels, static_cast<Wide>(std::llround(bias)));
    for (const Border& border : layer.borders)
        for (const int p : outside_pixels(border.tap, border.stride, layer.height, layer.width))
            for (std::size_t o = 0; o < border.shift.size(); ++o)
                result[o * pixels + static_cast<std::size_t>(p)] += static_cast<Wide>(std::llround(border.shift[o]));
    return result;
}

}  // namespace

ExactTrace evaluate_exactly(const Plan& plan, const std::vector<std::int64_t>& input) {
    std::vector<Tensor> tensors{{plan.input.height, plan.input.width, {input.begin(), input.end()}}};
    ExactTrace trace;
    for (const Layer& layer : plan.layers) {
        Tensor output{layer.height, layer.width, sums(layer, tensors)};
        if (layer.finish == Finish::square) {
            const Wide prime = plan.parameters().chain[static_cast<std::size_t>(layer.rescale_limb())];
            const std::vector<Wide> added = constants(layer);
            for (std::size_t i = 0; i < output.values.size(); ++i)
                output.values[i] = rounded_quotient(output.values[i], prime) + added[i];
        }
        std::vector<double> seen;
        for (const Wide value : output.values) seen.push_back(static_cast<double>(value));
        trace.values.push_back(std::move(seen));
        if (layer.finish == Finish::square)
            for (Wide& value : output.values) value *= value;
        tensors.push_back(std::move(output));
    }
    const Layer& head = plan.layers.back();
    const std::size_t pixels = tensors.back().values.size() / head.bias.size();
    for (std::size_t o = 0; o < head.bias.size(); ++o) {
        Wide sum = 0;
        for (std::size_t p = 0; p < pixels; ++p) sum += tensors.back().values[o * pixels + p];
        trace.scores.push_back(static_cast<double>(sum) / head.output_scale[o] + head.bias[o]);
    }
    return trace;
}

std::vector<std::int64_t> encode_exactly(const InputEncoding& input, const std::uint8_t* pixels) {
    std::vector<std::int64_t> result;
    for (int c = 0; c < input.channels; ++c)
        for (int p = 0; p < input.height * input.width; ++p)
            result.push_back(std::llround((pixels[p * input.channels + c] - input.mean[static_cast<std::size_t>(c)]) *
                                          input.factor[static_cast<std::size_t>(c)]));
    return result;
}

}  // namespace obscura::plan
