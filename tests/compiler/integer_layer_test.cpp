#include "compiler/integer_layer.hpp"

#include <gtest/gtest.h>

namespace obscura::compiler {
namespace {

/// Only what is beside a diagonal: rounding may use a convolution's zeros, and a projection's.
TEST(StructuralZeros, AreBesideTheDiagonalsOfShortcuts) {
    plan::RealLayer layer;
    layer.out_channels = 2;
    layer.operands = {{0, 2, 1, {{0, -1}, {0, 0}}, {1, 0, 0, 1, 0, 0, 1, 1}},
                      {1, 2, 1, {{0, 0}}, {0.5, 0, 0, 0}},
                      {2, 2, 1, {{0, 0}}, {0.5, 0.25, 0, 1}}};
    const std::vector<bool> expected = {false, false, false, false, /**/ false, true, /**/ false, false,
                                        false, false, false, false, /**/ true, false, /**/ false, false};
    EXPECT_EQ(structural_zeros(layer), expected);
}

}  // namespace
}  // namespace obscura::compiler
