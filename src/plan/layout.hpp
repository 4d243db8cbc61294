#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.hpp"

/// Where the pixels of a batch of images live. An image is cut into cells, numbered row after row: pixel (y, x) of
/// image b is in ciphertext column (y mod cell height) * cell width + (x mod cell width), in slot (cell number * gap) *
/// batch + b. A tensor has one ciphertext per (channel, column).
///
/// A convolution tap is a column and a rotation by whole tiles if the image goes round in the order of the cells: if
/// cells are as wide as the image, or its padding wraps by their height (plan/padding.hpp). Cells that are 1 high are
/// runs of pixels in raster order. Where both sides of a cell are even, a stride of 2 halves both and leaves no slot
/// idle. Else, if it drops tiles without moving anything, it leaves idle tiles, which is what `gap` counts: only tiles
/// 0, gap, 2*gap, ... hold pixels of the image; the others compute the network on shifted images and are ignored.
///
/// Fewer images than there are slots for may be held in several copies, one after another: slots then repeat with the
/// period N/copies, rotations by tiles go round in each copy, and a smaller ring holds fewer copies of the same.
namespace obscura::plan {

struct Layout {
    int height = 0;
    int width = 0;
    Cell cell;       ///< pixels a tile holds, one a ciphertext column
    int gap = 1;     ///< distance of two consecutive tiles of the image, in tiles
    int batch = 0;   ///< images side by side in a tile, in slots; the same for every layout of a plan
    int tiles = 0;   ///< tiles of a copy: slots / copies / batch; the same for every layout of a ring
    int copies = 1;  ///< a power of two; the same for every layout of a ring

    int pixels() const { return height * width; }
    int columns() const { return cell.pixels(); }
    /// Tiles that hold pixels of the image; valid_tiles() * gap == tiles.
    int valid_tiles() const { return pixels() / cell.pixels(); }
    int cells_across() const { return width / cell.width; }
    /// `pixel` is a raster number, y*width + x.
    int column(int pixel) const { return pixel / width % cell.height * cell.width + pixel % width % cell.width; }
    int tile(int pixel) const {
        return (pixel / width / cell.height * cells_across() + pixel % width / cell.width) * gap;
    }
    int slot(int pixel, int image) const { return tile(pixel) * batch + image; }
    /// Raster number of the pixel that a column holds in a cell, 0 <= cell_number < valid_tiles().
    int pixel(int cell_number, int column) const {
        const int y = cell_number / cells_across() * cell.height + column / cell.width;
        return y * width + cell_number % cells_across() * cell.width + column % cell.width;
    }
    bool operator==(const Layout&) const = default;
};

/// The cell of so many pixels that suits padding of a wrap, in an image of a width: `wrap` rows of pixels / wrap, or
/// whole rows of the image where that is more. Throws Error(unsupported) if there are too few pixels for `wrap` rows.
Cell cell_of(int pixels, int width, int wrap = 1);

/// The layout of an encrypted image. The sides of the cell must be powers of two that divide the image's and leave a
/// power of two of tiles, at most one tile a slot of each copy. Throws Error(unsupported) otherwise.
Layout input_layout(int height, int width, Cell cell, int log_degree, int copies = 1);

/// The layout after a layer of stride 1 or 2 (output pixel (y, x) replaces source pixel (stride*y, stride*x)).
/// Throws Error(unsupported) for stride 2 on odd sizes, and where tiles would have to be merged: where cells are 1 high
/// and shorter than a row.
Layout strided(const Layout& source, int stride);

/// The layout after a layer that merges tiles into runs of `run` pixels in raster order, which must divide the output's
/// pixels and leave a power of two of tiles, no more than the `tiles` of a ciphertext in the ring that reads it (0: as
/// many as the source has). Throws Error(unsupported) otherwise.
Layout merged(const Layout& source, int stride, int run, int tiles = 0);

/// The run length that leaves no tile idle after a stride, or has a tile a pixel.
int densest_run(const Layout& source, int stride);

/// A source ciphertext and its rotation. Slot j of what is needed is slot j + tile_shift*batch (cyclic) of `column`.
struct SourcePosition {
    int column = 0;
    int tile_shift = 0;  ///< 0 .. tiles-1
    bool operator==(const SourcePosition&) const = default;
};

/// Tiles of an output column whose centre pixels lie in the same source column under the same rotation. A layer that
/// does not merge has one phase a column, a merging one several, each with its own mask.
struct Phase {
    SourcePosition centre;
    std::vector<bool> tiles;  ///< [tiles of the source] those that take it; idle tiles go with the tile before them
};

/// Phases of an output column, by increasing first tile. `output` is strided(source, stride) or merged(...).
std::vector<Phase> phases(const Layout& source, const Layout& output, int stride, int output_column);

/// Where the pixels at offset `tap` from those at `centre` are. `wrap`: the padding's, if cells are as wide as the
/// image; else it does not matter (see fits).
SourcePosition neighbour(const Layout& source, SourcePosition centre, Tap tap, int wrap);

/// Does cyclic padding go round in the order of the cells, for all of these taps? True for zero padding.
bool fits(const Layout& source, Padding padding, const std::vector<Tap>& taps, int stride);

/// Tiles of an output column whose pixel at a tap is inside of the source image, [tiles]; idle tiles go with the
/// tile before them.
std::vector<bool> inside_tiles(const Layout& output, Tap tap, int stride, int output_column);

/// What an output column takes from a source for one tap: a rotated ciphertext, by some of the tiles.
struct Read {
    int tap = 0;  ///< index into the operand's
    SourcePosition from;
    std::vector<bool> tiles;  ///< [tiles], at least one of them
};

/// All that an output column takes for an operand, phase by phase, taps in order. Taps that are outside of the image in
/// all tiles of a phase are left out.
std::vector<Read> reads(const Layout& source, const Layout& output, const Operand& operand, int output_column);

/// Does the layer have to be masked (Layer::masked)? It is where merging or zero padding makes the tiles of some output
/// column take different reads or borders. `sources`: layouts of the operands' sources; weights are not looked at.
bool needs_masks(const Layer& layer, const std::vector<Layout>& sources, const Layout& output);

/// Layout of the input (first element) and of every layer's output (element i+1 for layer i; for a head: of its
/// terms, before the sum over pixels). Throws Error(format) naming the layer if shapes and strides disagree or padding
/// does not fit the cells.
std::vector<Layout> layouts(const Plan& plan);

/// Slots by which the head's partial sums are rotated and added, in order: after the last one every tile holds the sum
/// over all valid tiles. Empty if there is one tile.
std::vector<int> head_steps(const Layout& layout);

/// Every rotation that a layer takes; a step may come more than once. `layouts`: the plan's.
std::vector<RotationKeyRequest> layer_rotations(const Plan& plan, const std::vector<Layout>& layouts,
                                                std::size_t layer);

/// Every rotation that a segment of the plan takes, with the highest level it happens at, by increasing step.
std::vector<RotationKeyRequest> required_rotations(const Plan& plan, std::size_t segment);

}  // namespace obscura::plan
