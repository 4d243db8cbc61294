#pragma once

#include <vector>

#include "plan/padding.hpp"

/// Constants that pass through convolutions: a constant added to what a convolution reads becomes a constant added to
/// its output, which depends on the pixel where zero padding cuts taps off.
namespace obscura::compiler {

/// A constant for every output pixel.
struct Constants {
    std::vector<double>& bias;           ///< [out_channels], all pixels
    std::vector<plan::Border>& borders;  ///< pixels whose tap is outside of the image

    /// Adds shift[o] where the tap of a convolution reads a pixel of the image: everywhere unless the padding is zeros.
    void add_inside(plan::Padding padding, int stride, plan::Tap tap, const std::vector<double>& shift);
    /// Adds shift[o] where it does not.
    void add_outside(int stride, plan::Tap tap, const std::vector<double>& shift);
};

/// Sum over the height x width output pixels of bias and borders, [out_channels].
std::vector<double> pixel_sums(const std::vector<double>& bias, const std::vector<plan::Border>& borders, int height,
                               int width);

}  // namespace obscura::compiler
