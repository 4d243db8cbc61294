#include "plan/padding.hpp"

#include <algorithm>

namespace obscura::plan {
namespace {

int floor_quotient(int value, int divisor) {
    return (value < 0 ? value - divisor + 1 : value) / divisor;
}

}  // namespace

int cyclic_pixel(int y, int x, int height, int width, int wrap) {
    const int turns = floor_quotient(x, width);
    const int row = y + turns * wrap;
    return (row - floor_quotient(row, height) * height) * width + x - turns * width;
}

bool stays_inside(Tap tap, int stride) {
    return tap.dy >= 0 && tap.dy < stride && tap.dx >= 0 && tap.dx < stride;
}

bool stays_inside(const std::vector<Tap>& taps, int stride) {
    return std::all_of(taps.begin(), taps.end(), [&](Tap tap) { return stays_inside(tap, stride); });
}

std::vector<int> outside_pixels(Tap tap, int stride, int height, int width) {
    std::vector<int> result;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            if (!is_inside(tap, stride, y, x, height, width)) result.push_back(y * width + x);
    return result;
}

}  // namespace obscura::plan
