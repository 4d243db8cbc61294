#pragma once

#include <vector>

#include "plan/real_network.hpp"

/// Which pixels of their sources the taps of a layer read.
namespace obscura::compiler {

/// At output pixel p, going round where it is outside of the image, whatever the padding.
int source_pixel(const plan::RealLayer& layer, const plan::RealOperand& operand, plan::Tap tap, int p);

/// At every output pixel; -1 for zeros.
std::vector<int> source_pixels(const plan::RealLayer& layer, const plan::RealOperand& operand, plan::Tap tap);

}  // namespace obscura::compiler
