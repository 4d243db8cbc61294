// convolution.hpp's two functions with products of bfloat16, in matrix tiles; all else stays float32.

#pragma once

#include "convolution.hpp"
#include "tiles.hpp"

namespace kernels {

// Whether this processor can, and tiles are filled: channels in multiples of 16, except the first layer's inputs.
bool fits_tiles(const Convolution& shape, bool wants_input);

void convolve_in_tiles(const Convolution& shape, const float* z, const Curve& curve, const float* weights,
                       const Watch& watch, int threads, float* out, float* moments, float* peaks);

void convolve_gradient_in_tiles(const Convolution& shape, const float* d_out, const WatchGradient& moments,
                                const float* d_peaks, const float* out, const Watch& watch, const float* z,
                                const Curve& curve, const float* weights, int threads, float* dz, float* d_curve,
                                float* d_weights);

}  // namespace kernels
