// The two products that a convolution and its gradients are made of, for one image whose values lie in a core's cache.
//
// Values are channels-last.  Where pixels lie is given by lists, so that strides, padding and thinned-out gradients
// need no code of their own.  Blocks of sums stay in registers, as in any matrix product (Goto and van de Geijn, ACM
// TOMS 34(3), 2008).

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vector.hpp"

namespace kernels {

#ifdef __AVX512F__
constexpr int kRows = 8;  // times two vectors, of 32 registers; grids have multiples of eight pixels
#else
constexpr int kRows = 6;  // times two vectors: twelve sums, two columns and a factor fill sixteen registers
#endif

// A block of output channels: two wide vectors, or one, or a narrow one where no more are left.
constexpr int64_t block_width(int64_t channels_left) {
    return channels_left >= 2 * kWide ? 2 * kWide : channels_left >= kWide ? kWide : kNarrow;
}

// Calls of_block.operator()<Vectors, Lanes>(first channel) for every block of output channels.
template <class OfBlock>
inline void for_channel_blocks(int64_t channels, OfBlock&& of_block) {
    int64_t channel = 0;
    for (; channel + 2 * kWide <= channels; channel += 2 * kWide) of_block.template operator()<2, kWide>(channel);
    for (; channel + kWide <= channels; channel += kWide) of_block.template operator()<1, kWide>(channel);
    if (channel < channels) of_block.template operator()<1, kNarrow>(channel);
}

// Weights [channel blocks][taps][inputs][block width].
struct PackedWeights {
    const float* values;
    int64_t taps, inputs, outputs;
};

// Pixels with the same taps: for each, where its input and its output begin, in floats.
struct PixelClass {
    std::vector<int> from, to;
    std::vector<int> taps;     // which of the weights' taps count
    std::vector<int> offsets;  // from a pixel's input to that of each tap, in floats
};

template <int Pixels, int Vectors, int64_t Lanes>
void correlate_block(const float* in, const PixelClass& pixels, size_t first, const float* weights, int64_t inputs,
                     float* out) {
    Vector<Lanes> sum[Pixels][Vectors] = {};
    for (size_t t = 0; t < pixels.taps.size(); ++t) {
        const float* x[Pixels];
        for (int p = 0; p < Pixels; ++p) x[p] = in + pixels.from[first + p] + pixels.offsets[t];
        const float* w = weights + pixels.taps[t] * inputs * Vectors * Lanes;
        for (int64_t i = 0; i < inputs; ++i, w += Vectors * Lanes) {
            Vector<Lanes> column[Vectors];
            for (int v = 0; v < Vectors; ++v) column[v] = load<Lanes>(w + v * Lanes);
            for (int p = 0; p < Pixels; ++p)
                for (int v = 0; v < Vectors; ++v) sum[p][v] += x[p][i] * column[v];
        }
    }
    for (int p = 0; p < Pixels; ++p)
        for (int v = 0; v < Vectors; ++v) store(out + pixels.to[first + p] + v * Lanes, sum[p][v]);
}

template <int Vectors, int64_t Lanes>
void correlate_channels(const float* in, const PixelClass& pixels, const float* weights, int64_t inputs, float* out) {
    const size_t count = pixels.from.size();
    if (count < kRows) {
        for (size_t first = 0; first < count; ++first)
            correlate_block<1, Vectors, Lanes>(in, pixels, first, weights, inputs, out);
        return;
    }
    for (size_t first = 0; first < count; first += kRows)  // the last block may compute some pixels again
        correlate_block<kRows, Vectors, Lanes>(in, pixels, std::min(first, count - kRows), weights, inputs, out);
}

// out[to] = sum over taps and input channels of in[from + offset] * weight, for all output channels.
inline void correlate(const float* in, const PixelClass& pixels, const PackedWeights& weights, float* out) {
    const int64_t column = weights.taps * weights.inputs;
    for_channel_blocks(weights.outputs, [&]<int Vectors, int64_t Lanes>(int64_t channel) {
        correlate_channels<Vectors, Lanes>(in, pixels, weights.values + channel * column, weights.inputs,
                                           out + channel);
    });
}

// Adds to sums [Rows, outputs] the products of Rows neighbouring values of x with a pixel's gradients, over `count`
// pixels.
template <int Rows, int Vectors, int64_t Lanes>
void multiply_block(const float* x, const int* x_places, const float* g, const int* g_places, size_t count,
                    int64_t outputs, float* sums) {
    Vector<Lanes> sum[Rows][Vectors];
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v) sum[r][v] = load<Lanes>(sums + r * outputs + v * Lanes);
    for (size_t i = 0; i < count; ++i) {
        Vector<Lanes> column[Vectors];
        for (int v = 0; v < Vectors; ++v) column[v] = load<Lanes>(g + g_places[i] + v * Lanes);
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < Vectors; ++v) sum[r][v] += x[x_places[i] + r] * column[v];
    }
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v) store(sums + r * outputs + v * Lanes, sum[r][v]);
}

template <int Rows>
void multiply_rows(const float* x, const int* x_places, const float* g, const int* g_places, size_t count,
                   int64_t outputs, float* sums) {
    for_channel_blocks(outputs, [&]<int Vectors, int64_t Lanes>(int64_t channel) {
        multiply_block<Rows, Vectors, Lanes>(x, x_places, g + channel, g_places, count, outputs, sums + channel);
    });
}

// Adds to sums [size, rows, outputs] the products of x[x_places + line * x_line + row] with g[g_places + output]: the
// gradient of weights [size, size * inputs, outputs], as the taps of a line are neighbours in memory.
inline void add_products(const float* x, const std::vector<int>& x_places, int64_t x_line, const float* g,
                         const std::vector<int>& g_places, int64_t size, int64_t rows, int64_t outputs, float* sums) {
    const size_t tile =
        std::max<int64_t>(16, 4096 / (rows / size + outputs));  // so many pixels stay in the first-level cache
    for (size_t first = 0; first < x_places.size(); first += tile) {
        const size_t count = std::min(tile, x_places.size() - first);
        const int *xp = x_places.data() + first, *gp = g_places.data() + first;
        for (int64_t line = 0; line < size; ++line) {
            const float* from = x + line * x_line;
            float* to = sums + line * rows * outputs;
            int64_t row = 0;
            for (; row + kRows <= rows; row += kRows)
                multiply_rows<kRows>(from + row, xp, g, gp, count, outputs, to + row * outputs);
            for (; row + 2 <= rows; row += 2)
                multiply_rows<2>(from + row, xp, g, gp, count, outputs, to + row * outputs);
            for (; row < rows; ++row) multiply_rows<1>(from + row, xp, g, gp, count, outputs, to + row * outputs);
        }
    }
}

}  // namespace kernels
