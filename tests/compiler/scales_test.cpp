#include "compiler/scales.hpp"

#include <gtest/gtest.h>

namespace obscura::compiler {
namespace {

plan::RealLayer convolution(int channels, int taps) {
    plan::RealLayer layer;
    plan::RealOperand operand;
    operand.channels = channels;
    operand.taps.resize(static_cast<std::size_t>(taps));
    layer.operands.push_back(operand);
    return layer;
}

TEST(BalancedLogScale, FollowsInputsAndRing) {
    const plan::RealLayer usual = convolution(32, 9);
    EXPECT_DOUBLE_EQ(balanced_log_scale(usual, 15, 22), 22);
    EXPECT_DOUBLE_EQ(balanced_log_scale(usual, 16, 22), 22.5) << "noise of twice the size";
    EXPECT_DOUBLE_EQ(balanced_log_scale(usual, 14, 21), 20.5);
    EXPECT_DOUBLE_EQ(balanced_log_scale(convolution(64, 9), 15, 22), 21.75) << "rounding errors of sqrt(2) the size";
    plan::RealLayer joined = convolution(16, 9);
    joined.operands.push_back(joined.operands.front());
    EXPECT_DOUBLE_EQ(balanced_log_scale(joined, 15, 22), 22) << "operands add up";
    EXPECT_DOUBLE_EQ(balanced_log_scale(convolution(1, 1), 17, 22), 23) << "by one bit at most";
    EXPECT_DOUBLE_EQ(balanced_log_scale(convolution(512, 9), 10, 22), 21);
}

}  // namespace
}  // namespace obscura::compiler
