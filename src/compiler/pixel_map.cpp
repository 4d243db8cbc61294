#include "compiler/pixel_map.hpp"

#include <algorithm>
#include <numeric>

namespace obscura::compiler {
namespace {

/// The tap of smallest size that leads from the first pixel to a raster number.
plan::Tap tap_to(int pixel, int height, int width, int wrap) {
    int dy = pixel / width, dx = pixel % width;
    if (2 * dx > width) {
        dx -= width;
        dy = (dy + wrap) % height;
    }
    if (2 * dy > height) dy -= height;
    return {dy, dx};
}

/// What one position of a kernel reads for every output pixel.
struct Reads {
    const PixelMap& map;
    int height, width;  ///< of the original
    int stride;
    int rows, columns;  ///< of the output
    int y0, x0;         ///< of the position in the map, for the first output pixel

    int at(int y, int x) const { return map.at(y * stride + y0, x * stride + x0); }

    bool find_cyclic(int wrap, std::optional<plan::Tap>& tap) const {
        if (at(0, 0) == PixelMap::zero) return false;
        tap = tap_to(at(0, 0), height, width, wrap);
        for (int y = 0; y < rows; ++y)
            for (int x = 0; x < columns; ++x)
                if (at(y, x) != plan::cyclic_pixel(stride * y + tap->dy, stride * x + tap->dx, height, width, wrap))
                    return false;
        return true;
    }

    /// The first pixel that is no zero says what the tap has to be.
    bool find_zeros(std::optional<plan::Tap>& tap) const {
        for (int y = 0; y < rows && !tap; ++y)
            for (int x = 0; x < columns && !tap; ++x)
                if (const int read = at(y, x); read != PixelMap::zero)
                    tap = plan::Tap{read / width - stride * y, read % width - stride * x};
        if (!tap) return true;
        for (int y = 0; y < rows; ++y)
            for (int x = 0; x < columns; ++x) {
                const bool inside = plan::is_inside(*tap, stride, y, x, rows, columns);
                const int wanted = (stride * y + tap->dy) * width + stride * x + tap->dx;
                if (at(y, x) != (inside ? wanted : PixelMap::zero)) return false;
            }
        return true;
    }
};

}  // namespace

PixelMap PixelMap::identity(int height, int width) {
    PixelMap map{height, width, std::vector<int>(static_cast<std::size_t>(height * width))};
    std::iota(map.source.begin(), map.source.end(), 0);
    return map;
}

bool PixelMap::is_identity(int original_height, int original_width) const {
    return *this == identity(original_height, original_width);
}

bool PixelMap::has_zeros() const {
    return std::find(source.begin(), source.end(), zero) != source.end();
}

PixelMap PixelMap::slice(bool vertical, std::int64_t start, std::int64_t end, std::int64_t step) const {
    const std::int64_t size = vertical ? height : width;
    const auto clamp = [&](std::int64_t index) {
        return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
    };
    std::vector<int> kept;
    for (std::int64_t i = clamp(start); i < clamp(end); i += step) kept.push_back(static_cast<int>(i));
    PixelMap result{
        vertical ? static_cast<int>(kept.size()) : height, vertical ? width : static_cast<int>(kept.size()), {}};
    for (int y = 0; y < result.height; ++y)
        for (int x = 0; x < result.width; ++x)
            result.source.push_back(vertical ? at(kept[static_cast<std::size_t>(y)], x)
                                             : at(y, kept[static_cast<std::size_t>(x)]));
    return result;
}

std::optional<PixelMap> PixelMap::concatenate(const PixelMap& other, bool vertical) const {
    if (vertical ? width != other.width : height != other.height) return std::nullopt;
    PixelMap result{vertical ? height + other.height : height, vertical ? width : width + other.width, {}};
    for (int y = 0; y < result.height; ++y)
        for (int x = 0; x < result.width; ++x) {
            const bool first = vertical ? y < height : x < width;
            result.source.push_back(first ? at(y, x) : other.at(vertical ? y - height : y, vertical ? x : x - width));
        }
    return result;
}

PixelMap PixelMap::pad_zeros(int top, int left, int bottom, int right) const {
    PixelMap result{height + top + bottom, width + left + right, {}};
    for (int y = 0; y < result.height; ++y)
        for (int x = 0; x < result.width; ++x) {
            const bool inside = y >= top && y < top + height && x >= left && x < left + width;
            result.source.push_back(inside ? at(y - top, x - left) : zero);
        }
    return result;
}

KernelTaps kernel_taps(const PixelMap& map, int original_height, int original_width, const KernelShape& kernel) {
    const int reach_y = kernel.dilation_y * (kernel.height - 1) + 1;
    const int reach_x = kernel.dilation_x * (kernel.width - 1) + 1;
    const int rows = map.height < reach_y ? 0 : (map.height - reach_y) / kernel.stride + 1;
    const int columns = map.width < reach_x ? 0 : (map.width - reach_x) / kernel.stride + 1;
    if (rows * kernel.stride != original_height || columns * kernel.stride != original_width)
        return {{}, plan::Padding::raster, TapProblem::size};
    const auto found = [&](plan::Padding padding) -> std::optional<KernelTaps> {
        KernelTaps result{{}, padding};
        for (int ky = 0; ky < kernel.height; ++ky)
            for (int kx = 0; kx < kernel.width; ++kx) {
                const Reads reads{map,  original_height, original_width,         kernel.stride,
                                  rows, columns,         ky * kernel.dilation_y, kx * kernel.dilation_x};
                auto& tap = result.taps.emplace_back();
                if (!(padding == plan::Padding::zeros ? reads.find_zeros(tap) : reads.find_cyclic(padding.wrap, tap)))
                    return std::nullopt;
            }
        return result;
    };
    for (int wrap = 1; wrap <= original_height; wrap *= 2)
        if (auto cyclic = found({wrap})) return *cyclic;
    if (auto zeros = found(plan::Padding::zeros)) return *zeros;
    return {{}, plan::Padding::raster, TapProblem::not_cyclic};
}

}  // namespace obscura::compiler
