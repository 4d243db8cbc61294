#include "plan/layout.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "plan/strides.hpp"
#include "plan/toy_plan.hpp"

namespace obscura::plan {
namespace {

using testing::can_halve;

/// Every slot of every column holds the number of a pixel and image, or nothing.
using Slots = std::vector<std::vector<std::pair<int, int>>>;

Slots fill(const Layout& layout) {
    const auto slots = static_cast<std::size_t>(layout.tiles * layout.batch);
    Slots result(static_cast<std::size_t>(layout.columns()), std::vector<std::pair<int, int>>(slots, {-1, -1}));
    for (int pixel = 0; pixel < layout.pixels(); ++pixel)
        for (int image = 0; image < layout.batch; ++image) {
            auto& slot = result[static_cast<std::size_t>(layout.column(pixel))]
                               [static_cast<std::size_t>(layout.slot(pixel, image))];
            EXPECT_EQ(slot.first, -1) << "two pixels in one slot";
            slot = {pixel, image};
        }
    return result;
}

/// By definition: rotating the neighbours' column must put every output pixel's neighbour into its slot, in the phase
/// that has the pixel's tile, which exactly one has.
void check_neighbours(const Layout& source, const Layout& output, int stride, Tap tap, int wrap = 1) {
    const Slots slots = fill(source);
    const int all = source.tiles * source.batch;
    for (int y = 0; y < output.height; ++y)
        for (int x = 0; x < output.width; ++x) {
            const int pixel = y * output.width + x;
            const auto list = phases(source, output, stride, output.column(pixel));
            const auto has_tile = [&](const Phase& p) { return p.tiles[static_cast<std::size_t>(output.tile(pixel))]; };
            ASSERT_EQ(std::count_if(list.begin(), list.end(), has_tile), 1);
            const auto at = neighbour(source, std::find_if(list.begin(), list.end(), has_tile)->centre, tap, wrap);
            const int wanted =
                cyclic_pixel(stride * y + tap.dy, stride * x + tap.dx, source.height, source.width, wrap);
            for (int image = 0; image < output.batch; image += std::max(1, output.batch - 1)) {
                const int from = (output.slot(pixel, image) + at.tile_shift * source.batch) % all;
                const auto& found = slots[static_cast<std::size_t>(at.column)][static_cast<std::size_t>(from)];
                ASSERT_EQ(found, std::make_pair(wanted, image)) << "pixel " << pixel;
            }
        }
}

/// Masks once left idle tiles empty: the network computed on nothing there, which no calibration had seen, and with one
/// network values exploded and spoiled every batch of 32. Every tile takes something, and takes it once.
TEST(Layout, NoTileIsLeftEmptyByMerging) {
    for (const int run : {1, 2}) {
        const Layout rows = input_layout(8, 8, cell_of(run, 8), 10);
        const Layout output = merged(rows, 2, densest_run(rows, 2));
        EXPECT_GT(output.gap, 1) << "runs of " << run << " were to leave idle tiles";
        for (int column = 0; column < output.columns(); ++column) {
            std::vector<int> takers(static_cast<std::size_t>(output.tiles), 0);
            for (const Phase& phase : phases(rows, output, 2, column))
                for (std::size_t tile = 0; tile < phase.tiles.size(); ++tile) takers[tile] += phase.tiles[tile] ? 1 : 0;
            EXPECT_EQ(takers, std::vector<int>(takers.size(), 1));
        }
    }
}

/// Cells of any two sides, and padding that goes round in their order: neighbours are rotations, strides need no masks,
/// and none leaves tiles idle while both sides are even.
RC_GTEST_PROP(Layout, CellsSuitPaddingThatWrapsByTheirHeight, ()) {
    const int log_height = *rc::gen::inRange(1, 6), log_width = *rc::gen::inRange(1, 6);
    const int log_down = *rc::gen::inRange(0, log_height + 1), log_across = *rc::gen::inRange(0, log_width + 1);
    const int log_slots = *rc::gen::inRange(log_height - log_down + log_width - log_across, 11);
    Layout layout = input_layout(1 << log_height, 1 << log_width, {1 << log_down, 1 << log_across}, log_slots);
    for (int i = *rc::gen::inRange(0, 3); i > 0 && can_halve(layout); --i) {
        const bool both_even = layout.cell.height % 2 == 0 && layout.cell.width % 2 == 0;
        const Layout half = strided(layout, 2);
        RC_ASSERT(half.gap == (both_even ? 1 : 2) * layout.gap);
        layout = half;
    }
    const int stride = can_halve(layout) ? *rc::gen::inRange(1, 3) : 1;
    const Tap tap{*rc::gen::inRange(-3, 4), *rc::gen::inRange(-3, 4)};
    const bool whole_rows = layout.cell.width == layout.width;
    const int wrap = whole_rows ? *rc::gen::inRange(1, 9) : layout.cell.height;
    RC_ASSERT(fits(layout, {wrap}, {tap}, stride));
    check_neighbours(layout, strided(layout, stride), stride, tap, wrap);
}

TEST(Layout, OtherPaddingDoesNotFitCells) {
    const Layout cells = input_layout(8, 8, {2, 2}, 10);
    EXPECT_TRUE(fits(cells, {2}, {{1, 1}}, 1));
    EXPECT_FALSE(fits(cells, {1}, {{1, 1}}, 1));
    EXPECT_TRUE(fits(cells, {1}, {{1, 0}}, 1)) << "columns wrap alike";
    EXPECT_TRUE(fits(cells, {1}, {{1, 1}}, 2)) << "does not leave the image";
    EXPECT_TRUE(fits(cells, Padding::zeros, {{1, 1}}, 1));
    EXPECT_TRUE(fits(input_layout(8, 8, {8, 2}, 10), {8}, {{1, 1}}, 1)) << "a plain torus in whole columns";
    EXPECT_EQ(cell_of(16, 32, 4), (Cell{4, 4}));
    EXPECT_EQ(cell_of(128, 32, 4), (Cell{4, 32}));
    EXPECT_EQ(cell_of(256, 32, 4), (Cell{8, 32})) << "whole rows suit any wrap";
    EXPECT_THROW(cell_of(2, 32, 4), Error);
}

RC_GTEST_PROP(Layout, FindsEveryNeighbour, ()) {
    const int log_height = *rc::gen::inRange(1, 5);
    const int log_width = *rc::gen::inRange(1, 5);
    const int log_run = *rc::gen::inRange(0, log_height + log_width + 1);
    const int log_slots = *rc::gen::inRange(log_height + log_width - log_run, 11);
    Layout layout = input_layout(1 << log_height, 1 << log_width, cell_of(1 << log_run, 1 << log_width), log_slots);
    // A few strided layers first, so that gaps appear.
    for (int i = *rc::gen::inRange(0, 3); i > 0 && layout.height > 1 && layout.width > 1 && can_halve(layout); --i)
        layout = strided(layout, 2);
    const bool may_stride = layout.height > 1 && layout.width > 1 && can_halve(layout);
    const int stride = may_stride ? *rc::gen::inRange(1, 3) : 1;
    const Tap tap{*rc::gen::inRange(-3, 4), *rc::gen::inRange(-3, 4)};
    if (may_stride) {
        ASSERT_EQ(phases(layout, strided(layout, stride), stride, 0).size(), 1U);
    }
    check_neighbours(layout, strided(layout, stride), stride, tap);
}

RC_GTEST_PROP(Layout, MergingLeavesNoTileIdle, ()) {
    const int log_height = *rc::gen::inRange(1, 5);
    const int log_width = *rc::gen::inRange(1, 5);
    const int log_run = *rc::gen::inRange(0, log_height + log_width + 1);
    const int log_slots = *rc::gen::inRange(log_height + log_width - log_run, 11);
    Layout layout = input_layout(1 << log_height, 1 << log_width, cell_of(1 << log_run, 1 << log_width), log_slots);
    const Tap tap{*rc::gen::inRange(-3, 4), *rc::gen::inRange(-3, 4)};
    for (int i = *rc::gen::inRange(1, 4); i > 0 && layout.height > 1 && layout.width > 1; --i) {
        const int run = densest_run(layout, 2);
        const Layout output = merged(layout, 2, run);
        RC_ASSERT(output.gap == 1 || run == 1);
        RC_ASSERT(output.valid_tiles() * output.gap == output.tiles);
        check_neighbours(layout, output, 2, tap);
        layout = output;
    }
}

/// Every pixel whose tap is inside takes it once, from where the source pixel is; idle tiles do as the tile
/// before them; no other tile takes anything.
void check_reads(const Layout& source, const Layout& output, int stride, Tap tap) {
    const Slots slots = fill(source);
    const Operand operand{0, 1, stride, {tap}, {}, Padding::zeros};
    for (int column = 0; column < output.columns(); ++column) {
        const auto list = reads(source, output, operand, column);
        std::vector<int> takers(static_cast<std::size_t>(output.tiles), 0);
        for (const Read& read : list) {
            ASSERT_EQ(read.tap, 0);
            ASSERT_NE(std::count(read.tiles.begin(), read.tiles.end(), true), 0);
            for (std::size_t tile = 0; tile < read.tiles.size(); ++tile) takers[tile] += read.tiles[tile] ? 1 : 0;
        }
        for (int tile = 0; tile < output.tiles; ++tile) {
            const int pixel = output.pixel(tile / output.gap, column);
            const int y = stride * (pixel / output.width) + tap.dy, x = stride * (pixel % output.width) + tap.dx;
            const bool inside = y >= 0 && x >= 0 && y < source.height && x < source.width;
            ASSERT_EQ(takers[static_cast<std::size_t>(tile)], inside ? 1 : 0)
                << "column " << column << " tile " << tile;
            if (!inside || tile % output.gap != 0) continue;
            const auto taken = std::find_if(
                list.begin(), list.end(), [&](const Read& read) { return read.tiles[static_cast<std::size_t>(tile)]; });
            const auto slot = static_cast<std::size_t>((tile + taken->from.tile_shift) % source.tiles * source.batch);
            const auto& found = slots[static_cast<std::size_t>(taken->from.column)][slot];
            ASSERT_EQ(found.first, y * source.width + x);
        }
    }
}

RC_GTEST_PROP(Layout, ZeroPaddingReadsTheImageOnly, ()) {
    const int log_height = *rc::gen::inRange(1, 5);
    const int log_width = *rc::gen::inRange(1, 5);
    const int log_run = *rc::gen::inRange(0, log_height + log_width + 1);
    const Layout source = input_layout(1 << log_height, 1 << log_width, cell_of(1 << log_run, 1 << log_width), 10);
    const Tap tap{*rc::gen::inRange(-5, 6), *rc::gen::inRange(-5, 6)};
    check_reads(source, source, 1, tap);
    check_reads(source, merged(source, 2, densest_run(source, 2)), 2, tap);
    if (can_halve(source)) check_reads(source, strided(source, 2), 2, tap);
}

TEST(Layout, MasksAreNeededWhereTilesDiffer) {
    const auto needed = [](const Layout& source, Tap tap, Padding padding) {
        Layer layer;
        layer.operands = {{-1, 1, 1, {tap}, {}, padding}};
        return needs_masks(layer, {source}, source);
    };
    const Layout whole = input_layout(8, 8, cell_of(64, 8), 10), rows = input_layout(8, 8, cell_of(8, 8), 10);
    EXPECT_FALSE(needed(whole, {1, 1}, Padding::zeros)) << "a tile has all pixels: a tap is dropped for a column";
    EXPECT_FALSE(needed(rows, {0, 1}, Padding::zeros)) << "a column is one x: inside for all rows or for none";
    EXPECT_TRUE(needed(rows, {1, 0}, Padding::zeros));
    EXPECT_TRUE(needed(input_layout(8, 8, cell_of(4, 8), 10), {0, 1}, Padding::zeros))
        << "half a row: every other tile";
    EXPECT_FALSE(needed(rows, {1, 0}, Padding::raster));
    EXPECT_FALSE(needed(rows, {8, 0}, Padding::zeros)) << "always outside";
    Layer layer;
    layer.operands = {{-1, 1, 1, {{0, 0}}, {}}};
    layer.borders = {{1, {0, -1}, {}}};
    EXPECT_FALSE(needs_masks(layer, {rows}, rows));
    layer.borders.push_back({1, {-1, 0}, {}});
    EXPECT_TRUE(needs_masks(layer, {rows}, rows));
}

TEST(Layout, CountsTilesAndImages) {
    const Layout rows = input_layout(32, 32, cell_of(32, 32), 15);
    EXPECT_EQ(rows.tiles, 32);
    EXPECT_EQ(rows.batch, 1024);
    EXPECT_EQ(rows.valid_tiles(), 32);
    const Layout half = strided(rows, 2);
    EXPECT_EQ(half, (Layout{16, 16, {1, 16}, 2, 1024, 32}));
    EXPECT_EQ(half.valid_tiles(), 16);
    EXPECT_EQ(strided(half, 2), (Layout{8, 8, {1, 8}, 4, 1024, 32}));
    const Layout whole = input_layout(32, 32, cell_of(1024, 32), 15);
    EXPECT_EQ(whole.batch, 32768);
    EXPECT_EQ(strided(whole, 2), (Layout{16, 16, {16, 16}, 1, 32768, 1}));
    const Layout two_rows = strided(input_layout(32, 32, cell_of(64, 32), 15), 2);
    EXPECT_EQ(two_rows, (Layout{16, 16, {1, 16}, 1, 2048, 16}));
}

/// Rows of 32 pixels: halves of the next rows of 16, then pairs of pixels of the rows of 8.
TEST(Layout, MergesRows) {
    const Layout rows = input_layout(32, 32, cell_of(32, 32), 15);
    EXPECT_EQ(densest_run(rows, 2), 8);
    const Layout half = merged(rows, 2, 8);
    EXPECT_EQ(half, (Layout{16, 16, {1, 8}, 1, 1024, 32}));
    const auto list = phases(rows, half, 2, 3);
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].centre, (SourcePosition{6, 0}));
    EXPECT_EQ(list[1].centre, (SourcePosition{22, 31}));
    for (int tile = 0; tile < 32; ++tile) EXPECT_EQ(list[0].tiles[static_cast<std::size_t>(tile)], tile % 2 == 0);
    const Layout quarter = merged(half, 2, densest_run(half, 2));
    EXPECT_EQ(quarter, (Layout{8, 8, {1, 2}, 1, 1024, 32}));
    EXPECT_EQ(phases(half, quarter, 2, 1).size(), 4U);
}

TEST(Layout, RefusesWhatItCannotHold) {
    EXPECT_THROW(input_layout(32, 32, cell_of(48, 32), 15), Error);
    EXPECT_THROW(input_layout(32, 32, cell_of(2048, 32), 15), Error);
    EXPECT_THROW(input_layout(24, 32, cell_of(32, 32), 15), Error) << "24 tiles";
    EXPECT_THROW(input_layout(32, 32, cell_of(1, 32), 9), Error) << "more tiles than slots";
    EXPECT_THROW(strided(input_layout(32, 32, cell_of(16, 32), 15), 2), Error) << "needs merged tiles";
    EXPECT_THROW(merged(input_layout(32, 32, cell_of(32, 32), 15), 2, 4), Error) << "64 tiles";
    EXPECT_THROW(merged(input_layout(32, 32, cell_of(32, 32), 15), 2, 24), Error);
    EXPECT_THROW(strided(input_layout(32, 32, cell_of(32, 32), 15), 3), Error);
}

TEST(Layout, HeadStepsSumEveryTile) {
    for (const Layout& layout :
         {input_layout(8, 8, cell_of(8, 8), 10), strided(input_layout(8, 8, cell_of(8, 8), 10), 2),
          input_layout(8, 8, cell_of(64, 8), 10)}) {
        std::vector<int> values(static_cast<std::size_t>(layout.tiles * layout.batch));
        int total = 0;
        for (int tile = 0; tile < layout.tiles; tile += layout.gap) {
            values[static_cast<std::size_t>(tile * layout.batch)] = tile * tile + 1;
            total += tile * tile + 1;
        }
        for (const int step : head_steps(layout)) {
            const std::vector<int> before = values;
            for (std::size_t j = 0; j < values.size(); ++j)
                values[j] += before[(j + static_cast<std::size_t>(step)) % values.size()];
        }
        for (int tile = 0; tile < layout.tiles; tile += layout.gap)
            EXPECT_EQ(values[static_cast<std::size_t>(tile * layout.batch)], total);
    }
}

TEST(Layout, RequiredRotationsAreThoseOfNeighboursAndHead) {
    const Plan plan = testing::toy_plan();
    const std::vector<Layout> all = layouts(plan);
    std::map<int, int> expected;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Layer& layer = plan.layers[i];
        for (const Operand& operand : layer.operands)
            for (int column = 0; column < all[i + 1].columns(); ++column)
                for (const Tap& tap : operand.taps) {
                    const Layout& source = all[static_cast<std::size_t>(operand.source + 1)];
                    const auto list = phases(source, all[i + 1], operand.stride, column);
                    const auto at = neighbour(source, list.at(0).centre, tap, operand.padding.wrap);
                    if (at.tile_shift > 0)
                        expected[at.tile_shift * source.batch] =
                            std::max(expected[at.tile_shift * source.batch], layer.level);
                }
        if (layer.finish == Finish::head)
            for (const int step : head_steps(all[i + 1])) expected[step] = std::max(expected[step], layer.level);
    }
    std::map<int, int> found;
    for (const auto& key : required_rotations(plan, 0)) {
        EXPECT_GT(key.step, 0);
        EXPECT_LT(key.step, 1 << plan.segments.front().parameters.log_degree);
        found[key.step] = key.level;
    }
    EXPECT_EQ(found, expected);
    EXPECT_GT(found.size(), 2U);
}

}  // namespace
}  // namespace obscura::plan
