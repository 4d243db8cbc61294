#include "compiler/constants.hpp"

#include <algorithm>

namespace obscura::compiler {

void Constants::add_inside(plan::Padding padding, int stride, plan::Tap tap, const std::vector<double>& shift) {
    for (std::size_t o = 0; o < shift.size(); ++o) bias[o] += shift[o];
    if (padding != plan::Padding::zeros || plan::stays_inside(tap, stride)) return;
    std::vector<double> back = shift;
    for (double& x : back) x = -x;
    add_outside(stride, tap, back);
}

void Constants::add_outside(int stride, plan::Tap tap, const std::vector<double>& shift) {
    if (std::all_of(shift.begin(), shift.end(), [](double x) { return x == 0; })) return;
    auto same = std::find_if(borders.begin(), borders.end(),
                             [&](const plan::Border& b) { return b.stride == stride && b.tap == tap; });
    if (same == borders.end()) same = borders.insert(same, {stride, tap, std::vector<double>(shift.size(), 0.0)});
    for (std::size_t o = 0; o < shift.size(); ++o) same->shift[o] += shift[o];
}

std::vector<double> pixel_sums(const std::vector<double>& bias, const std::vector<plan::Border>& borders, int height,
                               int width) {
    std::vector<double> sums = bias;
    for (double& sum : sums) sum *= height * width;
    for (const plan::Border& border : borders) {
        const auto pixels = static_cast<double>(plan::outside_pixels(border.tap, border.stride, height, width).size());
        for (std::size_t o = 0; o < sums.size(); ++o) sums[o] += border.shift[o] * pixels;
    }
    return sums;
}

}  // namespace obscura::compiler
