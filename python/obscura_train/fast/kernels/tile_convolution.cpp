#include "tile_convolution.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "group_sums.hpp"
#include "padded_image.hpp"
#include "tile_products.hpp"

namespace kernels {

bool fits_tiles(const Convolution& shape, bool wants_input) {
    const bool inputs_fit = shape.inputs % kTile == 0 || (shape.inputs < kTile && !wants_input);
    return tiles_available() && shape.outputs % kTile == 0 && inputs_fit;
}

#ifdef OBSCURA_TILES

namespace {

using Buffer = std::vector<float>;

int64_t padded_values(const Convolution& shape, int64_t channels) {
    return shape.padded_rows() * shape.padded_columns() * channels;
}

std::vector<Bfloat16> rounded_buffer(const Convolution& shape, int64_t channels) {
    return std::vector<Bfloat16>(padded_values(shape, channels) + kSlackPixels * channels + kSlack);
}

PaddedImage padded_image(const Convolution& shape, int64_t channels) {
    return {shape, channels, kSlackPixels * channels + kSlack};
}

// What one thread needs for the gradients of a group of images.
struct Workspace {
    Workspace(const Convolution& shape, int64_t value_stride, int64_t pairs)
        : x(padded_image(shape, shape.inputs)),
          spread(padded_image(shape, shape.outputs)),
          gradient(shape.out_pixels() * shape.outputs),
          rounded(rounded_buffer(shape, shape.outputs)),
          operands(kGroup) {
        for (TileOperands& image : operands) {
            image.values.resize(tiles_for(shape.inputs, kTile) * kTile * value_stride);
            image.gradients.resize(pairs * 2 * shape.outputs);
        }
    }

    PaddedImage x, spread;
    Buffer gradient;
    std::vector<Bfloat16> rounded;
    std::vector<TileOperands> operands;
};

}  // namespace

void convolve_in_tiles(const Convolution& shape, const float* z, const Curve& curve, const float* weights,
                       const Watch& watch, int threads, float* out, float* moments, float* peaks) {
    const TileShape forward{shape.out_rows(), shape.out_columns(), shape.padded_columns(), shape.size,
                            shape.stride,     shape.inputs,        shape.outputs};
    const int64_t taps = shape.size * shape.size;
    const auto packed = pack_tiles(forward, {weights, shape.inputs * taps, taps, 1}, threads);
    const std::vector<PixelTile> tiles = pixel_tiles(forward);
    Buffer sums(shape.images * kMoments * shape.outputs), largest(shape.images * shape.outputs);
#pragma omp parallel num_threads(threads)
    {
        const TileScope scope;
        PaddedImage x = padded_image(shape, shape.inputs);
        std::vector<Bfloat16> rounded = rounded_buffer(shape, shape.inputs);
#pragma omp for schedule(dynamic)
        for (int64_t n = 0; n < shape.images; ++n) {
            fill_with_curve(x, shape, z + n * shape.pixels() * shape.inputs, curve);
            round_all(x.data(), padded_values(shape, shape.inputs), rounded.data());
            float* image = out + n * shape.out_pixels() * shape.outputs;
            correlate_tiles(forward, rounded.data(), tiles, packed.data(), image);
            note_moments(image, watch, shape.out_pixels(), shape.outputs, sums.data() + n * kMoments * shape.outputs,
                         largest.data() + n * shape.outputs);
        }
    }
    sum_over_images(sums, kMoments * shape.outputs, 1.0 / static_cast<double>(shape.images * shape.out_pixels()),
                    moments);
    note_peaks(largest, watch, shape.images, shape.outputs, peaks);
}

void convolve_gradient_in_tiles(const Convolution& shape, const float* d_out, const WatchGradient& moments,
                                const float* d_peaks, const float* out, const Watch& watch, const float* z,
                                const Curve& curve, const float* weights, int threads, float* dz, float* d_curve,
                                float* d_weights) {
    // Both products are over the input's grid, with zeros where a stride skipped a pixel.
    const TileShape forward{shape.rows, shape.columns, shape.padded_columns(), shape.size,
                            1,          shape.inputs,  shape.outputs};
    TileShape backward = forward;
    std::swap(backward.inputs, backward.outputs);
    const int64_t taps = shape.size * shape.size,
                  depth = tiles_for(shape.rows * shape.padded_columns(), kDepth) * kDepth;
    const int64_t reach = (shape.size - 1) * (shape.padded_columns() + 1);
    const int64_t value_stride = tiles_for(depth + reach, kDepth) * kDepth;
    std::vector<Bfloat16> packed;
    if (dz)  // the transposed convolution: the window turned by half a turn
        packed = pack_tiles(backward, {weights + taps - 1, taps, shape.inputs * taps, -1}, threads);
    const std::vector<PixelTile> tiles = pixel_tiles(backward);
    const int64_t in_values = shape.pixels() * shape.inputs, out_values = shape.out_pixels() * shape.outputs;
    Buffer sums(dz ? shape.images * kCurveSums * shape.inputs : 0);
    GroupSums weight_sums(shape, tiles_for(shape.inputs, kTile) * kTile);

    const auto one_image = [&](int64_t n, Workspace& work, TileOperands& operands) {
        const float* image = z + n * in_values;
        std::copy_n(d_out + n * out_values, out_values, work.gradient.data());
        WatchGradient noted = moments;
        noted.peak = d_peaks[n];
        add_watch_gradient(out + n * out_values, watch, noted, shape.out_pixels(), shape.outputs, work.gradient.data());
        fill_with_curve(work.x, shape, image, curve);
        channels_first(work.x.data(), value_stride, shape.inputs, value_stride, operands.values.data());
        work.spread.clear_border();
        work.spread.fill_strided(work.gradient.data());
        pair_pixels(work.spread.at(0, 0), depth, shape.outputs, operands.gradients.data());
        if (!dz) return;
        work.spread.wrap_around();
        round_all(work.spread.data(), padded_values(shape, shape.outputs), work.rounded.data());
        float* result = dz + n * in_values;
        correlate_tiles(backward, work.rounded.data(), tiles, packed.data(), result);
        curve_gradient(result, image, curve, shape.pixels(), shape.inputs, result,
                       sums.data() + n * kCurveSums * shape.inputs);
    };

#pragma omp parallel num_threads(threads)
    {
        const TileScope scope;
        Workspace work(shape, value_stride, depth / 2);
#pragma omp for schedule(dynamic)
        for (int64_t group = 0; group < weight_sums.groups(); ++group) {
            const int64_t first = group * kGroup, count = std::min(kGroup, shape.images - first);
            for (int64_t i = 0; i < count; ++i) one_image(first + i, work, work.operands[i]);
            multiply_tiles(forward, work.operands, count, value_stride, weight_sums.of(group));
        }
#pragma omp for
        for (int64_t tap_input = 0; tap_input < taps * shape.inputs; ++tap_input)
            weight_sums.total(tap_input, d_weights);
    }
    if (dz) sum_over_images(sums, kCurveSums * shape.inputs, 1, d_curve);
}

#else

void convolve_in_tiles(const Convolution&, const float*, const Curve&, const float*, const Watch&, int, float*, float*,
                       float*) {}

void convolve_gradient_in_tiles(const Convolution&, const float*, const WatchGradient&, const float*, const float*,
                                const Watch&, const float*, const Curve&, const float*, int, float*, float*, float*) {}

#endif

}  // namespace kernels
