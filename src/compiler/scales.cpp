#include "compiler/scales.hpp"

#include <algorithm>
#include <cmath>

namespace obscura::compiler {
namespace {

constexpr double usual_inputs = 288;
constexpr int usual_log_degree = 15;
/// In bits. Larger scales cost head-room.
constexpr double largest_difference = 1;

}  // namespace

double balanced_log_scale(const plan::RealLayer& layer, int log_degree, double usual) {
    double inputs = 0;
    for (const plan::RealOperand& operand : layer.operands)
        inputs += static_cast<double>(operand.taps.size()) * operand.channels;
    const double difference = 0.5 * (log_degree - usual_log_degree) - 0.25 * std::log2(inputs / usual_inputs);
    return usual + std::clamp(difference, -largest_difference, largest_difference);
}

}  // namespace obscura::compiler
