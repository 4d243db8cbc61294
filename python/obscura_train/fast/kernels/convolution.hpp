// A convolution together with the activation before it and the statistics of what it gives: every tensor is read or
// written once, image by image, and everything between stays in cache.

#pragma once

#include <cstdint>

#include "activation.hpp"

namespace kernels {

// Images [rows, columns, inputs] to [out_rows, out_columns, outputs]; size is 1 or 3, stride 1 or 2.  The outer pixels
// of a 3 x 3 window come by cyclic padding: right of (y, columns - 1) is (y + wrap, 0), below (rows - 1, x) is (0, x);
// 0 <= wrap < rows. outputs are a multiple of 8.
struct Convolution {
    int64_t images, rows, columns, inputs, outputs, size, stride, wrap;

    int64_t pad() const { return size / 2; }
    int64_t padded_rows() const { return rows + 2 * pad(); }
    int64_t padded_columns() const { return columns + 2 * pad(); }
    int64_t out_rows() const { return (rows + stride - 1) / stride; }
    int64_t out_columns() const { return (columns + stride - 1) / stride; }
    int64_t pixels() const { return rows * columns; }
    int64_t out_pixels() const { return out_rows() * out_columns(); }
    int64_t weights() const { return inputs * outputs * size * size; }
};

// out = convolution of curve(z) with weights [outputs, inputs, size, size]; moments [kMoments, outputs]: the means of
// its z, z^2 and z^4, cut to the watch's bounds; peaks [images].
void convolve(const Convolution& shape, const float* z, const Curve& curve, const float* weights, const Watch& watch,
              int threads, float* out, float* moments, float* peaks);

// From d_out, the gradient of `out`, and those of what was noted (d_peaks: [images]): dz and d_curve [kCurveSums,
// inputs] (not where dz is null), and d_weights in the order of weights.  The same with any number of threads.
void convolve_gradient(const Convolution& shape, const float* d_out, const WatchGradient& moments, const float* d_peaks,
                       const float* out, const Watch& watch, const float* z, const Curve& curve, const float* weights,
                       int threads, float* dz, float* d_curve, float* d_weights);

}  // namespace kernels
