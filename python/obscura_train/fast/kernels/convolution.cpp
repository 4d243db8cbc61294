#include "convolution.hpp"

#include <algorithm>
#include <vector>

#include "correlation.hpp"
#include "group_sums.hpp"
#include "padded_image.hpp"

namespace kernels {
namespace {

using Buffer = std::vector<float>;

// weight(output, input, tap) in the order of PackedWeights.
template <class Weight>
Buffer pack(int64_t outputs, int64_t inputs, int64_t taps, Weight&& weight) {
    Buffer packed;
    packed.reserve(outputs * inputs * taps);
    for (int64_t first = 0; first < outputs; first += block_width(outputs - first))
        for (int64_t tap = 0; tap < taps; ++tap)
            for (int64_t in = 0; in < inputs; ++in)
                for (int64_t out = first; out < first + block_width(outputs - first); ++out)
                    packed.push_back(weight(out, in, tap));
    return packed;
}

Buffer pack_forward(const Convolution& shape, const float* weights) {
    const int64_t taps = shape.size * shape.size;
    return pack(shape.outputs, shape.inputs, taps,
                [&](int64_t out, int64_t in, int64_t tap) { return weights[(out * shape.inputs + in) * taps + tap]; });
}

// Of the transposed convolution: from outputs back to inputs, the window turned by half a turn.
Buffer pack_backward(const Convolution& shape, const float* weights) {
    const int64_t taps = shape.size * shape.size;
    return pack(shape.inputs, shape.outputs, taps, [&](int64_t in, int64_t out, int64_t tap) {
        return weights[(out * shape.inputs + in) * taps + taps - 1 - tap];
    });
}

void add_tap(PixelClass& pixels, const Convolution& shape, int64_t row, int64_t column, int64_t channels) {
    pixels.taps.push_back(static_cast<int>(row * shape.size + column));
    pixels.offsets.push_back(static_cast<int>((row * shape.padded_columns() + column) * channels));
}

PixelClass forward_pixels(const Convolution& shape) {
    PixelClass pixels;
    for (int64_t y = 0; y < shape.out_rows(); ++y)
        for (int64_t x = 0; x < shape.out_columns(); ++x) {
            pixels.from.push_back(static_cast<int>((y * shape.padded_columns() + x) * shape.stride * shape.inputs));
            pixels.to.push_back(static_cast<int>((y * shape.out_columns() + x) * shape.outputs));
        }
    for (int64_t row = 0; row < shape.size; ++row)
        for (int64_t column = 0; column < shape.size; ++column) add_tap(pixels, shape, row, column, shape.inputs);
    return pixels;
}

// Input pixels by the taps that can reach an output's gradient, which lie at multiples of the stride.  Pixels at a
// border take all taps: padding may bring them gradients from rows of the other kind.
std::vector<PixelClass> backward_pixels(const Convolution& shape) {
    std::vector<PixelClass> classes;
    const int64_t stride = shape.stride, pad = shape.pad();
    const auto border = [&](int64_t y, int64_t x) {
        return pad && (y == 0 || x == 0 || y == shape.rows - 1 || x == shape.columns - 1);
    };
    const auto add_class = [&](auto&& has_pixel, auto&& has_tap) {
        PixelClass pixels;
        for (int64_t y = 0; y < shape.rows; ++y)
            for (int64_t x = 0; x < shape.columns; ++x)
                if (has_pixel(y, x)) {
                    pixels.from.push_back(static_cast<int>((y * shape.padded_columns() + x) * shape.outputs));
                    pixels.to.push_back(static_cast<int>((y * shape.columns + x) * shape.inputs));
                }
        for (int64_t row = 0; row < shape.size; ++row)
            for (int64_t column = 0; column < shape.size; ++column)
                if (has_tap(row, column)) add_tap(pixels, shape, row, column, shape.outputs);
        if (!pixels.taps.empty() && !pixels.from.empty()) classes.push_back(std::move(pixels));
    };
    if (stride == 1 || pad)
        add_class([&](int64_t y, int64_t x) { return stride == 1 || border(y, x); },
                  [](int64_t, int64_t) { return true; });
    if (stride == 1) return classes;
    for (int64_t odd_row = 0; odd_row < 2; ++odd_row)
        for (int64_t odd_column = 0; odd_column < 2; ++odd_column)
            add_class([&](int64_t y, int64_t x) { return y % 2 == odd_row && x % 2 == odd_column && !border(y, x); },
                      [&](int64_t row, int64_t column) {
                          return (row - pad + odd_row) % 2 == 0 && (column - pad + odd_column) % 2 == 0;
                      });
    return classes;
}

}  // namespace

void convolve(const Convolution& shape, const float* z, const Curve& curve, const float* weights, const Watch& watch,
              int threads, float* out, float* moments, float* peaks) {
    const Buffer packed = pack_forward(shape, weights);
    const PackedWeights matrix{packed.data(), shape.size * shape.size, shape.inputs, shape.outputs};
    const PixelClass pixels = forward_pixels(shape);
    Buffer sums(shape.images * kMoments * shape.outputs), largest(shape.images * shape.outputs);
#pragma omp parallel num_threads(threads)
    {
        PaddedImage x(shape, shape.inputs);
#pragma omp for schedule(dynamic)
        for (int64_t n = 0; n < shape.images; ++n) {
            fill_with_curve(x, shape, z + n * shape.pixels() * shape.inputs, curve);
            float* image = out + n * shape.out_pixels() * shape.outputs;
            correlate(x.data(), pixels, matrix, image);
            note_moments(image, watch, shape.out_pixels(), shape.outputs, sums.data() + n * kMoments * shape.outputs,
                         largest.data() + n * shape.outputs);
        }
    }
    sum_over_images(sums, kMoments * shape.outputs, 1.0 / static_cast<double>(shape.images * shape.out_pixels()),
                    moments);
    note_peaks(largest, watch, shape.images, shape.outputs, peaks);
}

void convolve_gradient(const Convolution& shape, const float* d_out, const WatchGradient& moments, const float* d_peaks,
                       const float* out, const Watch& watch, const float* z, const Curve& curve, const float* weights,
                       int threads, float* dz, float* d_curve, float* d_weights) {
    const Buffer packed = dz ? pack_backward(shape, weights) : Buffer{};
    const PackedWeights transposed{packed.data(), shape.size * shape.size, shape.outputs, shape.inputs};
    const PixelClass pixels = forward_pixels(shape);
    const std::vector<PixelClass> classes = backward_pixels(shape);
    const int64_t in_values = shape.pixels() * shape.inputs, out_values = shape.out_pixels() * shape.outputs;
    Buffer sums(dz ? shape.images * kCurveSums * shape.inputs : 0);
    GroupSums weight_sums(shape, shape.inputs);

    const auto one_image = [&](int64_t n, PaddedImage& x, PaddedImage& spread, Buffer& gradient, float* image_sums) {
        const float* image = z + n * in_values;
        std::copy_n(d_out + n * out_values, out_values, gradient.data());
        WatchGradient noted = moments;
        noted.peak = d_peaks[n];
        add_watch_gradient(out + n * out_values, watch, noted, shape.out_pixels(), shape.outputs, gradient.data());
        fill_with_curve(x, shape, image, curve);
        add_products(x.data(), pixels.from, shape.padded_columns() * shape.inputs, gradient.data(), pixels.to,
                     shape.size, shape.size * shape.inputs, shape.outputs, image_sums);
        if (!dz) return;
        spread.fill_strided(gradient.data());
        spread.wrap_around();
        float* result = dz + n * in_values;
        if (shape.size < shape.stride) std::fill_n(result, in_values, 0.0F);  // pixels that no window reaches
        for (const PixelClass& reached : classes) correlate(spread.data(), reached, transposed, result);
        curve_gradient(result, image, curve, shape.pixels(), shape.inputs, result,
                       sums.data() + n * kCurveSums * shape.inputs);
    };

#pragma omp parallel num_threads(threads)
    {
        PaddedImage x(shape, shape.inputs), spread(shape, shape.outputs);
        Buffer gradient(out_values);
#pragma omp for schedule(dynamic)
        for (int64_t group = 0; group < weight_sums.groups(); ++group) {
            float* sums_of_group = weight_sums.of(group);
            std::fill_n(sums_of_group, weight_sums.group_size(), 0.0F);
            for (int64_t n = group * kGroup; n < std::min((group + 1) * kGroup, shape.images); ++n)
                one_image(n, x, spread, gradient, sums_of_group);
        }
#pragma omp for
        for (int64_t tap_input = 0; tap_input < shape.size * shape.size * shape.inputs; ++tap_input)
            weight_sums.total(tap_input, d_weights);
    }
    if (dz) sum_over_images(sums, kCurveSums * shape.inputs, 1, d_curve);
}

}  // namespace kernels
