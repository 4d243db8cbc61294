#pragma once

#include <vector>

/// What a convolution reads beyond the border of an image.
namespace obscura::plan {

/// A kernel position relative to the centre pixel, in pixels of the source image.
struct Tap {
    int dy = 0;
    int dx = 0;
    bool operator==(const Tap&) const = default;
};

/// What lies beyond the border of an image: zeros, or the image again. It goes round cyclically from its last row to
/// its first, and from the end of row y to the start of row y + wrap: a twisted torus. With a wrap of 1, neighbours are
/// those in raster order.
struct Padding {
    int wrap = 1;  ///< in rows; 0: zeros

    static const Padding zeros;
    static const Padding raster;
    bool operator==(const Padding&) const = default;
};

inline constexpr Padding Padding::zeros{0};
inline constexpr Padding Padding::raster{1};

/// Raster number of the pixel that cyclic padding has at (y, x), which may lie outside of the image.
int cyclic_pixel(int y, int x, int height, int width, int wrap);

/// A constant that an output takes where the pixel at a tap is outside of the image.
///
/// An activation a u + c that a zero-padded convolution reads is zero outside, c included, while the layer here reads u
/// alone: c times the weights goes into the bias, and where a tap is outside, its share is taken back.
struct Border {
    int stride = 1;
    Tap tap;
    std::vector<double> shift;  ///< [out_channels], in units of the bias
};

/// Whether output pixel (y, x) of height x width ones reads a pixel of the image (stride*height x stride*width).
inline bool is_inside(Tap tap, int stride, int y, int x, int height, int width) {
    const int row = stride * y + tap.dy, column = stride * x + tap.dx;
    return row >= 0 && row < stride * height && column >= 0 && column < stride * width;
}

/// Whether every output pixel does, whatever the size: padding does not matter then.
bool stays_inside(Tap tap, int stride);
bool stays_inside(const std::vector<Tap>& taps, int stride);

/// Raster numbers of the output pixels that do not.
std::vector<int> outside_pixels(Tap tap, int stride, int height, int width);

}  // namespace obscura::plan
