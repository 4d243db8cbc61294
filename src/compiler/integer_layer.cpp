#include "compiler/integer_layer.hpp"

#include <algorithm>
#include <cmath>

#include "compiler/constants.hpp"
#include "plan/limits.hpp"

namespace obscura::compiler {
namespace {

/// Rounding may move a sum of weights up by half a unit a weight, so sums aim a little below the limit.
constexpr double weight_sum_margin = 0.97;

const IntegerSource& source_of(const plan::RealOperand& operand, const std::vector<IntegerSource>& sources) {
    return sources[static_cast<std::size_t>(operand.source + 1)];
}

/// Weights of an operand that one output reads.
std::size_t row_size(const plan::RealOperand& operand) {
    return operand.taps.size() * static_cast<std::size_t>(operand.channels);
}

bool fits(const double* row, std::size_t columns) {
    double sum = 0;
    double largest = 0;
    for (std::size_t k = 0; k < columns; ++k) {
        sum += std::abs(row[k]);
        largest = std::max(largest, std::abs(row[k]));
    }
    return sum <= plan::limits::weight_sum && largest <= plan::limits::weight;
}

}  // namespace

double unscaled_weight(const plan::RealOperand& operand, const IntegerSource& source, std::size_t k) {
    return operand.weights[k] / source.scale[k % source.scale.size()];
}

double largest_factor(const plan::RealLayer& layer, const std::vector<IntegerSource>& sources, std::size_t o) {
    double sum = 0;
    double largest = 0;
    for (const plan::RealOperand& operand : layer.operands)
        for (std::size_t k = o * row_size(operand); k < (o + 1) * row_size(operand); ++k) {
            const double weight = std::abs(unscaled_weight(operand, source_of(operand, sources), k));
            sum += weight;
            largest = std::max(largest, weight);
        }
    if (largest == 0) return 1;
    return weight_sum_margin * std::min(plan::limits::weight_sum / sum, plan::limits::weight / largest);
}

std::vector<double> scaled_weights(const plan::RealLayer& layer, const std::vector<IntegerSource>& sources,
                                   const std::vector<double>& factor) {
    std::vector<double> result;
    for (std::size_t o = 0; o < factor.size(); ++o)
        for (const plan::RealOperand& operand : layer.operands)
            for (std::size_t k = o * row_size(operand); k < (o + 1) * row_size(operand); ++k)
                result.push_back(unscaled_weight(operand, source_of(operand, sources), k) * factor[o]);
    return result;
}

std::vector<bool> structural_zeros(const plan::RealLayer& layer) {
    std::vector<bool> result;
    for (std::size_t o = 0; o < static_cast<std::size_t>(layer.out_channels); ++o)
        for (const plan::RealOperand& operand : layer.operands) {
            const bool diagonal = plan::is_diagonal(operand, layer.out_channels);
            for (std::size_t k = 0; k < row_size(operand); ++k) result.push_back(diagonal && k != o);
        }
    return result;
}

void set_weights(const std::vector<double>& integers, const std::vector<double>& exact, plan::Layer& layer) {
    const std::size_t columns = integers.size() / static_cast<std::size_t>(layer.out_channels);
    for (std::size_t first = 0; first < integers.size(); first += columns) {
        const double* weight = (fits(&integers[first], columns) ? integers : exact).data() + first;
        for (plan::Operand& operand : layer.operands)
            for (std::size_t k = operand.taps.size() * static_cast<std::size_t>(operand.channels); k > 0; --k)
                operand.weights.push_back(static_cast<std::int16_t>(std::lround(*weight++)));
    }
}

void take_back_excess(const plan::RealLayer& real, const std::vector<IntegerSource>& sources,
                      const std::vector<double>& factor, double divisor, plan::Layer& layer) {
    Constants constants{layer.bias, layer.borders};
    for (std::size_t i = 0; i < real.operands.size(); ++i) {
        const plan::RealOperand& operand = real.operands[i];
        const IntegerSource& source = source_of(operand, sources);
        const auto channels = static_cast<std::size_t>(operand.channels);
        for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
            std::vector<double> excess(factor.size());
            for (std::size_t o = 0; o < factor.size(); ++o)
                for (std::size_t c = 0; c < channels; ++c) {
                    const std::size_t k = o * row_size(operand) + tap * channels + c;
                    const double weight = layer.operands[i].weights[k];
                    const double added = weight - unscaled_weight(operand, source, k) * factor[o];
                    excess[o] -= (added * source.mean[c] + weight * source.drift[c]) / divisor;
                }
            constants.add_inside(operand.padding, operand.stride, operand.taps[tap], excess);
        }
    }
}

plan::RealLayer rounded_layer(const plan::RealLayer& real, const std::vector<IntegerSource>& sources,
                              const std::vector<double>& factor, double prime, const plan::Layer& layer) {
    plan::RealLayer result = real;
    for (std::size_t i = 0; i < real.operands.size(); ++i) {
        plan::RealOperand& operand = result.operands[i];
        const std::vector<double>& scale = source_of(operand, sources).scale;
        for (std::size_t k = 0; k < operand.weights.size(); ++k)
            operand.weights[k] = layer.operands[i].weights[k] / factor[k / row_size(operand)] * scale[k % scale.size()];
    }
    for (std::size_t o = 0; o < factor.size(); ++o) {
        result.bias[o] = layer.bias[o] * prime / factor[o];
        for (std::size_t b = 0; b < layer.borders.size(); ++b)
            result.borders[b].shift[o] = layer.borders[b].shift[o] * prime / factor[o];
    }
    return result;
}

}  // namespace obscura::compiler
