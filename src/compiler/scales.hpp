#pragma once

#include "plan/real_network.hpp"

namespace obscura::compiler {

/// log2 of the rms that the integers z of a layer get. The scale goes up and the errors of encryption, relative to z,
/// go down, as fast as the errors go up that weights have from being rounded: those get the bits of a prime that the
/// scale leaves. The first grow with the ring's degree, the second with the root of the number of inputs that add up;
/// their sum is least where both are alike. `usual` is the best for 288 inputs (a convolution of 32 channels) at a
/// degree of 2^15; the others' differs by at most one bit.
double balanced_log_scale(const plan::RealLayer& layer, int log_degree, double usual);

}  // namespace obscura::compiler
