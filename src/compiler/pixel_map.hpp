#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/plan.hpp"

namespace obscura::compiler {

/// A rearrangement of an image's pixels by slicing, concatenating and padding: which pixel of the original stands
/// where. Padding is traced on these numbers, so that any way of writing it is understood and any error is found.
struct PixelMap {
    static constexpr int zero = -1;  ///< a padded zero

    int height = 0;
    int width = 0;
    std::vector<int> source;  ///< [height*width], raster number of the original pixel, or `zero`

    static PixelMap identity(int height, int width);
    bool is_identity(int original_height, int original_width) const;
    bool has_zeros() const;
    int at(int y, int x) const { return source[static_cast<std::size_t>(y * width + x)]; }

    /// Python's [start:end:step] along the height (vertical) or width; step positive.
    PixelMap slice(bool vertical, std::int64_t start, std::int64_t end, std::int64_t step) const;
    /// This, then `other`, along the height (vertical) or width. Empty if the other side differs.
    std::optional<PixelMap> concatenate(const PixelMap& other, bool vertical) const;
    PixelMap pad_zeros(int top, int left, int bottom, int right) const;
    bool operator==(const PixelMap&) const = default;
};

/// Why a convolution is neither cyclically nor zero-padded.
enum class TapProblem { size, not_cyclic };

struct KernelShape {
    int height = 1;
    int width = 1;
    int stride = 1;
    int dilation_y = 1;
    int dilation_x = 1;
};

/// The taps [kernel height][kernel width] of a kernel that slides over `map`, if each of its positions reads, for
/// every output pixel (y, x), the pixel at one offset from original pixel (stride*y, stride*x), cyclic or not. A
/// position that only reads zeros has no tap. The wrap of cyclic padding is a power of two; the least that explains all
/// reads.
struct KernelTaps {
    std::vector<std::optional<plan::Tap>> taps;
    plan::Padding padding = plan::Padding::raster;
    std::optional<TapProblem> problem = {};
};
KernelTaps kernel_taps(const PixelMap& map, int original_height, int original_width, const KernelShape& kernel);

}  // namespace obscura::compiler
