#include "plan/real_network.hpp"

namespace obscura::plan {

Layer outline(const RealLayer& real) {
    Layer layer;
    layer.name = real.name;
    layer.finish = real.finish;
    layer.out_channels = real.out_channels;
    layer.height = real.height;
    layer.width = real.width;
    for (const RealOperand& operand : real.operands)
        layer.operands.push_back({operand.source, operand.channels, operand.stride, operand.taps, {}, operand.padding});
    for (const Border& border : real.borders) layer.borders.push_back({border.stride, border.tap, {}});
    return layer;
}

RealNetwork real_network(const Plan& plan) {
    RealNetwork network{plan.input, {}};
    for (const Layer& layer : plan.layers) {
        RealLayer real{layer.name,  layer.finish, layer.out_channels, layer.height,
                       layer.width, {},           layer.bias,         layer.borders};
        const double rescale = layer.finish == Finish::square
                                   ? plan.parameters().chain[static_cast<std::size_t>(layer.rescale_limb())]
                                   : 1.0;
        for (const Operand& operand : layer.operands) {
            RealOperand copy{operand.source, operand.channels, operand.stride, operand.taps, {}, operand.padding};
            copy.weights.reserve(operand.weights.size());
            const std::size_t row = operand.taps.size() * static_cast<std::size_t>(operand.channels);
            for (std::size_t i = 0; i < operand.weights.size(); ++i) {
                const double divisor = layer.finish == Finish::head ? layer.output_scale[i / row] : rescale;
                copy.weights.push_back(operand.weights[i] / divisor);
            }
            real.operands.push_back(std::move(copy));
        }
        network.layers.push_back(std::move(real));
    }
    return network;
}

}  // namespace obscura::plan
