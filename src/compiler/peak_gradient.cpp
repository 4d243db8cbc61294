#include "compiler/peak_gradient.hpp"

#include <algorithm>
#include <cmath>

namespace obscura::compiler {
namespace {

/// Adds the gradient of log(largest |value|).
void add_peak(const std::vector<float>& values, std::span<float> gradient) {
    const auto peak =
        std::max_element(values.begin(), values.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    if (*peak != 0) gradient[static_cast<std::size_t>(peak - values.begin())] += 1 / *peak;
}

/// The head's values are summed over the pixels: all pixels of the class with the largest |sum| count alike.
void add_head_peak(const plan::RealLayer& head, std::span<const float> scores, std::span<float> gradient) {
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
    return propagation_.run(values, [&](std::size_t layer, std::span<float> gradient) {
        if (network_.layers[layer].finish == plan::Finish::head)
            add_head_peak(network_.layers[layer], scores, gradient);
        else if (network_.layers[layer].finish == plan::Finish::square)
            add_peak(values[layer], gradient);
    });
}

}  // namespace obscura::compiler
