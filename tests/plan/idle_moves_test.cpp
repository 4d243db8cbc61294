#include "plan/idle_moves.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace obscura::plan {
namespace {

constexpr int side = 16;

/// Strides of 2 that drop tiles where the layout can, or merge them into runs of `run` pixels, one after another.
Plan strides(int wrap, int pixels, int count, bool always_merge, int run) {
    Plan plan;
    plan.segments.front().parameters.log_degree = 9;
    plan.cell = cell_of(pixels, side, wrap);
    plan.input.channels = 1;
    plan.input.height = plan.input.width = side;
    for (int i = 0; i < count; ++i) {
        const Layout source = layouts(plan).back();
        Layer layer;
        layer.finish = Finish::none;
        layer.out_channels = 1;
        layer.height = layer.width = source.height / 2;
        Operand operand;
        operand.source = i - 1;
        operand.channels = 1;
        operand.stride = 2;
        operand.taps = {{0, 0}};
        layer.operands = {operand};
        layer.merged_run = always_merge ? std::max(run, densest_run(source, 2)) : 0;
        try {
            strided(source, 2);
        } catch (const Error&) {
            layer.merged_run = std::max(run, densest_run(source, 2));
        }
        plan.layers.push_back(layer);
    }
    return plan;
}

/// The pixel of the input that each tile of each column of the last map holds, idle ones included: [column][tile].
std::vector<std::vector<int>> held_pixels(const Plan& plan) {
    const std::vector<Layout> all = layouts(plan);
    std::vector<std::vector<int>> held(static_cast<std::size_t>(all[0].columns()));
    for (int column = 0; column < all[0].columns(); ++column)
        for (int tile = 0; tile < all[0].tiles; ++tile)
            held[static_cast<std::size_t>(column)].push_back(all[0].pixel(tile, column));
    for (std::size_t i = 1; i < all.size(); ++i) {
        std::vector<std::vector<int>> next(static_cast<std::size_t>(all[i].columns()),
                                           std::vector<int>(static_cast<std::size_t>(all[i].tiles), -1));
        for (int column = 0; column < all[i].columns(); ++column)
            for (const Phase& phase : phases(all[i - 1], all[i], 2, column))
                for (int tile = 0; tile < all[i].tiles; ++tile)
                    if (phase.tiles[static_cast<std::size_t>(tile)])
                        next[static_cast<std::size_t>(column)][static_cast<std::size_t>(tile)] =
                            held[static_cast<std::size_t>(phase.centre.column)]
                                [static_cast<std::size_t>((tile + phase.centre.tile_shift) % all[i - 1].tiles)];
        held = std::move(next);
    }
    return held;
}

/// The pixel of the input that each pixel of the last map holds, by the definition of a move.
std::vector<int> moved_pixels(const Plan& plan, const IdleMove& move) {
    const std::vector<Layout> all = layouts(plan);
    std::vector<float> map(static_cast<std::size_t>(all[0].pixels()));
    std::iota(map.begin(), map.end(), 0.0F);
    move_cells(all[0], move.cells[0], map);
    for (std::size_t i = 1; i < all.size(); ++i) {
        std::vector<float> next;
        for (int y = 0; y < all[i].height; ++y)
            for (int x = 0; x < all[i].width; ++x)
                next.push_back(map[static_cast<std::size_t>(2 * y * all[i - 1].width + 2 * x)]);
        move_cells(all[i], move.cells[i], next);
        map = std::move(next);
    }
    return {map.begin(), map.end()};
}

/// Every set of idle tiles holds what one of the moves gives, pixel for pixel.
int check(const Plan& plan, const std::string& what) {
    const Layout last = layouts(plan).back();
    const auto held = held_pixels(plan);
    std::vector<std::vector<int>> moves;
    for (const IdleMove& move : idle_moves(plan)) moves.push_back(moved_pixels(plan, move));
    for (int idle = 0; idle < last.gap; ++idle) {
        std::vector<int> found(static_cast<std::size_t>(last.pixels()));
        for (int i = 0; i < last.valid_tiles(); ++i)
            for (int column = 0; column < last.columns(); ++column)
                found[static_cast<std::size_t>(last.pixel(i, column))] =
                    held[static_cast<std::size_t>(column)][static_cast<std::size_t>(i * last.gap + idle)];
        EXPECT_NE(std::find(moves.begin(), moves.end(), found), moves.end()) << what << ", idle tile " << idle;
    }
    EXPECT_EQ(moves.front(), moved_pixels(plan, {std::vector<int>(plan.layers.size() + 1, 0)})) << what;
    return last.gap - 1;
}

/// Moved images once stood in for what idle tiles hold after several mergings, where padding wraps by more than the
/// image's did: no moved image is that.
TEST(IdleMoves, AreWhatIdleTilesHold) {
    int idle = 0;
    for (const int wrap : {1, 2, 4})
        for (const int pixels : {1, 2, 4, 8, 16, 32, 64})
            for (int count = 0; count <= 3; ++count)
                for (const bool always_merge : {false, true})
                    for (const int run : {1, 2})
                        if (pixels >= wrap)
                            idle += check(strides(wrap, pixels, count, always_merge, run),
                                          "wrap " + std::to_string(wrap) + ", cells of " + std::to_string(pixels) +
                                              ", " + std::to_string(count) + " strides, runs of " +
                                              std::to_string(run) + (always_merge ? ", merged" : ""));
    EXPECT_GT(idle, 100);
}

TEST(IdleMoves, AreAsManyAsTheGap) {
    EXPECT_EQ(idle_moves(strides(4, 4, 2, false, 1)).size(), 4U) << "cells of 4x1";
    EXPECT_EQ(idle_moves(strides(4, 8, 2, false, 1)).size(), 2U) << "cells of 4x2";
    EXPECT_EQ(idle_moves(strides(4, 16, 2, false, 1)).size(), 1U) << "no tile is idle";
    EXPECT_EQ(idle_moves(strides(2, 4, 3, false, 1)).size(), 16U) << "cells of 2x2, two mergings";
    EXPECT_EQ(idle_moves(strides(1, 1, 0, false, 1)).size(), 1U) << "dense";
}

TEST(IdleMoves, ReachEveryMapThatAMergingBegins) {
    Plan plan = strides(1, 1, 2, false, 1);
    const auto moves = idle_moves(plan);
    ASSERT_EQ(moves.size(), 16U);
    EXPECT_EQ(moves.back().cells, (std::vector<int>{3, 3, 0}));
    plan.layers.push_back(plan.layers[1]);  // another reader of the same map
    EXPECT_EQ(idle_moves(plan).back().cells, (std::vector<int>{3, 3, 0, 0}));
    plan.layers.push_back(plan.layers[0]);  // a shortcut's: the second map of that size
    EXPECT_EQ(idle_moves(plan).back().cells, (std::vector<int>{3, 3, 0, 0, 3}));
}

}  // namespace
}  // namespace obscura::plan
