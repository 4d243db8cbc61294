// The two products that a convolution and its gradients are made of, in tiles: see correlation.hpp.
//
// Pixels are counted through the padded image, so that neighbours lie equally far apart: a tile's rows are sixteen of
// them.  Where a tile reaches over the end of a line it computes what nobody reads.

#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "convolution.hpp"
#include "tile_images.hpp"

#ifdef OBSCURA_TILES

namespace kernels {

// Room behind an image, in its pixels and numbers, which tiles may read; it stays zero.
constexpr int64_t kSlackPixels = 68, kSlack = 2 * kDepth;

// A convolution's outputs by its inputs, or the other way round, over images padded on all sides.
struct TileShape {
    int64_t rows, columns;  // of the results
    int64_t padded_columns, size, stride, inputs, outputs;

    int64_t line_depth() const { return tiles_for(size * inputs, kDepth); }  // tiles across a window's line
    int64_t depth() const { return size * line_depth(); }
};

// Where in memory the weight of an output, an input and a tap lies: `first` is that of output, input and tap 0.
struct WeightOrder {
    const float* first;
    int64_t output, input, tap;
};

// Weights [blocks of 16 outputs][depth][pairs of inputs][outputs of a block][2], lines filled up with zeros.
inline std::vector<Bfloat16> pack_tiles(const TileShape& shape, const WeightOrder& order, int threads) {
    std::vector<Bfloat16> packed(tiles_for(shape.outputs, kTile) * shape.depth() * kTileSize);
#pragma omp parallel for num_threads(threads)
    for (int64_t block = 0; block < shape.outputs / kTile; ++block) {
        std::vector<float> tile(kTileSize);
        Bfloat16* to = packed.data() + block * shape.depth() * kTileSize;
        for (int64_t line = 0; line < shape.size; ++line) {
            int64_t column = 0, input = 0;
            for (int64_t t = 0; t < shape.line_depth(); ++t, to += kTileSize) {
                for (int64_t k = 0; k < kDepth; ++k) {
                    float* pairs = tile.data() + k / 2 * 2 * kTile + k % 2;
                    const float* from = order.first + block * kTile * order.output + input * order.input +
                                        (line * shape.size + column) * order.tap;
                    for (int64_t output = 0; output < kTile; ++output)
                        pairs[2 * output] = column < shape.size ? from[output * order.output] : 0;
                    if (++input == shape.inputs) input = 0, ++column;
                }
                round_all(tile.data(), kTileSize, to);
            }
        }
    }
    return packed;
}

// Sixteen results: where the first one's input begins, and where each belongs, -1 for nowhere.
struct PixelTile {
    int64_t from;
    std::array<int64_t, kTile> to;
    bool whole;  // all belong somewhere, side by side
};

inline std::vector<PixelTile> pixel_tiles(const TileShape& shape) {
    std::vector<PixelTile> tiles;
    const bool through = shape.stride == 1 && shape.columns % kTile != 0;  // through all lines and what lies between
    const int64_t line = through ? shape.padded_columns : shape.columns;
    const int64_t runs = through ? 1 : shape.rows, length = through ? (shape.rows - 1) * line + shape.columns : line;
    for (int64_t run = 0; run < runs; ++run)
        for (int64_t first = 0; first < length; first += kTile) {
            PixelTile tile{(run * shape.padded_columns + first) * shape.stride * shape.inputs, {}, true};
            for (int64_t i = 0; i < kTile; ++i) {
                const int64_t row = run + (first + i) / line, column = (first + i) % line;
                const bool inside = first + i < length && column < shape.columns;
                tile.to[i] = inside ? (row * shape.columns + column) * shape.outputs : -1;
                tile.whole = tile.whole && inside && tile.to[i] == tile.to[0] + i * shape.outputs;
            }
            tiles.push_back(tile);
        }
    return tiles;
}

template <int Columns>
inline void store_pixels(int row, const PixelTile& tile, int64_t outputs, float* out) {
    if (tile.whole) {
        store_sums<Columns>(row, out + tile.to[0], outputs * sizeof(float));
        return;
    }
    alignas(64) float sums[kTile][Columns * kTile];
    store_sums<Columns>(row, sums[0], sizeof(sums[0]));
    settle_memory();
    for (int64_t i = 0; i < kTile; ++i)
        if (tile.to[i] >= 0) std::copy_n(sums[i], Columns * kTile, out + tile.to[i]);
}

// out = the convolution of `in`, a padded image, with packed weights; outputs are a multiple of 16.
inline void correlate_tiles(const TileShape& shape, const Bfloat16* in, const std::vector<PixelTile>& tiles,
                            const Bfloat16* weights, float* out) {
    const int64_t depth = shape.depth(), step = shape.stride * shape.inputs * sizeof(Bfloat16);
    settle_memory();
    for_tile_blocks(std::ssize(tiles), shape.outputs / kTile, [&]<int Rows, int Columns>(int64_t row, int64_t column) {
        clear_sums<Rows, Columns>();
        const Bfloat16* w = weights + column * depth * kTileSize;
        for (int64_t line = 0; line < shape.size; ++line)
            for (int64_t k = 0; k < shape.line_depth(); ++k, w += kTileSize) {
                const Bfloat16* x = in + line * shape.padded_columns * shape.inputs + k * kDepth;
                add_products<Rows, Columns>({x + tiles[row].from, x + tiles[row + Rows - 1].from}, step,
                                            {w, w + depth * kTileSize}, kTileBytes);
            }
        for (int i = 0; i < Rows; ++i) store_pixels<Columns>(i, tiles[row + i], shape.outputs, out + column * kTile);
    });
    settle_memory();
}

// One image for weights' gradients: values with channels first, gradients in pairs of pixels that lie as in the input.
struct TileOperands {
    std::vector<Bfloat16> values, gradients;
};

// sums [size, size, inputs, outputs], inputs rounded up to a multiple of 16: products of values and gradients over all
// pixels of some images, whose channels lie `stride` numbers apart.
inline void multiply_tiles(const TileShape& shape, const std::vector<TileOperands>& images, int64_t count,
                           int64_t stride, float* sums) {
    const int64_t blocks = tiles_for(shape.inputs, kTile), depth = tiles_for(shape.rows * shape.padded_columns, kDepth);
    const auto place = [&](int64_t row) {  // of a row of sums in an image's values
        const int64_t tap = row / blocks;
        return row % blocks * kTile * stride + tap / shape.size * shape.padded_columns + tap % shape.size;
    };
    settle_memory();
    for_tile_blocks(shape.size * shape.size * blocks, shape.outputs / kTile,
                    [&]<int Rows, int Columns>(int64_t row, int64_t column) {
                        clear_sums<Rows, Columns>();
                        const int64_t first = place(row), second = place(row + Rows - 1);
                        for (int64_t n = 0; n < count; ++n) {
                            const Bfloat16 *x = images[n].values.data(),
                                           *g = images[n].gradients.data() + column * kDepth;
                            for (int64_t k = 0; k < depth; ++k, x += kDepth, g += kTile * 2 * shape.outputs)
                                add_products<Rows, Columns>({x + first, x + second}, stride * sizeof(Bfloat16),
                                                            {g, g + kDepth}, 2 * shape.outputs * sizeof(Bfloat16));
                        }
                        for (int i = 0; i < Rows; ++i)
                            store_sums<Columns>(i, sums + ((row + i) * shape.outputs + column) * kTile,
                                                shape.outputs * sizeof(float));
                    });
    settle_memory();
}

}  // namespace kernels

#endif
