// The end of a residual block: the sum of two branches, each through its own curve, with the statistics of what it
// gives.

#pragma once

#include <cstdint>

#include "activation.hpp"

namespace kernels {

// v = first(z) + second(skip), all [images, pixels, channels]; moments and peaks of v.
void combine(int64_t images, int64_t pixels, int64_t channels, const float* z, const Curve& first, const float* skip,
             const Curve& second, const Watch& watch, int threads, float* v, float* moments, float* peaks);

// Both inputs' gradients, and both curves' [kCurveSums, channels].
void combine_gradient(int64_t images, int64_t pixels, int64_t channels, const float* dv, const WatchGradient& moments,
                      const float* d_peaks, const float* v, const Watch& watch, const float* z, const Curve& first,
                      const float* skip, const Curve& second, int threads, float* dz, float* d_first, float* d_skip,
                      float* d_second);

}  // namespace kernels
