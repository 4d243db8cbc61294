#include "tensor/column_uses.hpp"

#include <gtest/gtest.h>

#include "runtime/toy_network.hpp"

namespace obscura::tensor {
namespace {

const plan::Plan& toy() {
    static const plan::Plan plan = test::toy_plan({10, 8, 2, 8, 3, true}, 1);
    return plan;
}

/// The toy's shortcut: layer 3 reads layer 2 and, at stride 2, layer 1. Rows a tile: a stride reads even columns.
TEST(ColumnUses, KnowsWhichColumnsAreReadLater) {
    const auto layouts = plan::layouts(toy());
    const std::vector<bool> all(8, true), none(8, false);
    EXPECT_EQ(columns_read_from(toy(), layouts, 0, 0), all);
    EXPECT_EQ(columns_read_from(toy(), layouts, 0, 1), none);
    EXPECT_EQ(columns_read_from(toy(), layouts, 2, 2), all);
    EXPECT_EQ(columns_read_from(toy(), layouts, 2, 3),
              (std::vector<bool>{true, false, true, false, true, false, true, false}));
    EXPECT_EQ(columns_read_from(toy(), layouts, 2, 4), none);
    EXPECT_EQ(columns_read_from(toy(), layouts, 4, 4), std::vector<bool>(4, true));
}

TEST(ColumnUses, KnowsTheHighestLevelThatIsStillRead) {
    EXPECT_EQ(level_read_from(toy(), 2, 2), toy().layers[2].level) << "by layer 2 and, one level down, by layer 3";
    EXPECT_EQ(level_read_from(toy(), 2, 3), toy().layers[3].level);
    EXPECT_EQ(level_read_from(toy(), 2, 4), 0);
}

/// Rows a tile: 3x3 taps rotate every row up and down. In cells of 4x4 they stay inside from the four in the middle.
TEST(ColumnUses, KnowsWhichColumnsAreRotated) {
    EXPECT_EQ(columns_rotated(toy(), plan::layouts(toy()), 1), std::vector<bool>(8, true));
    const auto plan = test::toy_plan({11, 8, 2, 16, 3, false, false, false, 4}, 1);
    const auto layouts = plan::layouts(plan);
    std::vector<bool> expected(16, true);
    for (const int y : {1, 2})
        for (const int x : {1, 2}) expected[static_cast<std::size_t>(layouts[1].column(y * 8 + x))] = false;
    EXPECT_EQ(columns_rotated(plan, layouts, 1), expected);
    EXPECT_EQ(columns_rotated(plan, layouts, 4), std::vector<bool>(16, false));  // the head reads single pixels
}

}  // namespace
}  // namespace obscura::tensor
