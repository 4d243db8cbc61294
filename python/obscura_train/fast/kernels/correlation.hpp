// The two products that a convolution and its gradients are made of, for one image whose values lie in a core's cache.
//
// Values are channels-last.  Where pixels lie is given by lists, so that strides, padding and thinned-out gradients
// need no code of their own.  Blocks of 6 x 16 sums stay in registers, as in any matrix product (Goto and van de Geijn,
// ACM TOMS 34(3), 2008).

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vector.hpp"

namespace kernels {

constexpr int kRows = 6;  // times two vectors: twelve sums, two columns and a factor fill sixteen registers

// Weights [channel blocks][taps][inputs][block width], blocks of 16 output channels, the last of 8 where those are
// left.
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

template <int Pixels, int Vectors>
void correlate_block(const float* in, const PixelClass& pixels, size_t first, const float* weights, int64_t inputs,
                     float* out) {
    Vector sum[Pixels][Vectors] = {};
    for (size_t t = 0; t < pixels.taps.size(); ++t) {
        const float* x[Pixels];
        for (int p = 0; p < Pixels; ++p) x[p] = in + pixels.from[first + p] + pixels.offsets[t];
        const float* w = weights + pixels.taps[t] * inputs * Vectors * kLanes;
        for (int64_t i = 0; i < inputs; ++i, w += Vectors * kLanes) {
            Vector column[Vectors];
            for (int v = 0; v < Vectors; ++v) column[v] = load(w + v * kLanes);
            for (int p = 0; p < Pixels; ++p)
                for (int v = 0; v < Vectors; ++v) sum[p][v] += x[p][i] * column[v];
        }
    }
    for (int p = 0; p < Pixels; ++p)
        for (int v = 0; v < Vectors; ++v) store(out + pixels.to[first + p] + v * kLanes, sum[p][v]);
}

template <int Vectors>
void correlate_channels(const float* in, const PixelClass& pixels, const float* weights, int64_t inputs, float* out) {
    const size_t count = pixels.from.size();
    if (count < kRows) {
        for (size_t first = 0; first < count; ++first)
            correlate_block<1, Vectors>(in, pixels, first, weights, inputs, out);
        return;
    }
    for (size_t first = 0; first < count; first += kRows)  // the last block may compute some pixels again
        correlate_block<kRows, Vectors>(in, pixels, std::min(first, count - kRows), weights, inputs, out);
}

// out[to] = sum over taps and input channels of in[from + offset] * weight, for all output channels.
inline void correlate(const float* in, const PixelClass& pixels, const PackedWeights& weights, float* out) {
    const int64_t column = weights.taps * weights.inputs;
    int64_t channel = 0;
    for (; channel + 2 * kLanes <= weights.outputs; channel += 2 * kLanes)
        correlate_channels<2>(in, pixels, weights.values + channel * column, weights.inputs, out + channel);
    if (channel < weights.outputs)
        correlate_channels<1>(in, pixels, weights.values + channel * column, weights.inputs, out + channel);
}

// Adds to sums [Rows, outputs] the products of Rows neighbouring values of x with a pixel's gradients, over `count`
// pixels.
template <int Rows, int Vectors>
void multiply_block(const float* x, const int* x_places, const float* g, const int* g_places, size_t count,
                    int64_t outputs, float* sums) {
    Vector sum[Rows][Vectors];
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v) sum[r][v] = load(sums + r * outputs + v * kLanes);
    for (size_t i = 0; i < count; ++i) {
        Vector column[Vectors];
        for (int v = 0; v < Vectors; ++v) column[v] = load(g + g_places[i] + v * kLanes);
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < Vectors; ++v) sum[r][v] += x[x_places[i] + r] * column[v];
    }
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < Vectors; ++v) store(sums + r * outputs + v * kLanes, sum[r][v]);
}

template <int Rows>
void multiply_rows(const float* x, const int* x_places, const float* g, const int* g_places, size_t count,
                   int64_t outputs, float* sums) {
    int64_t channel = 0;
    for (; channel + 2 * kLanes <= outputs; channel += 2 * kLanes)
        multiply_block<Rows, 2>(x, x_places, g + channel, g_places, count, outputs, sums + channel);
    if (channel < outputs) multiply_block<Rows, 1>(x, x_places, g + channel, g_places, count, outputs, sums + channel);
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
