#include "compiler/source_pixels.hpp"

namespace obscura::compiler {

int source_pixel(const plan::RealLayer& layer, const plan::RealOperand& operand, plan::Tap tap, int p) {
    const int y = operand.stride * (p / layer.width) + tap.dy, x = operand.stride * (p % layer.width) + tap.dx;
    return plan::cyclic_pixel(y, x, operand.stride * layer.height, operand.stride * layer.width, operand.padding.wrap);
}

std::vector<int> source_pixels(const plan::RealLayer& layer, const plan::RealOperand& operand, plan::Tap tap) {
    std::vector<int> result;
    for (int p = 0; p < layer.height * layer.width; ++p) {
        const bool zero =
            operand.padding == plan::Padding::zeros &&
            !plan::is_inside(tap, operand.stride, p / layer.width, p % layer.width, layer.height, layer.width);
        result.push_back(zero ? -1 : source_pixel(layer, operand, tap, p));
    }
    return result;
}

}  // namespace obscura::compiler
