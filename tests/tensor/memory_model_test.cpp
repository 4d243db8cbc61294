#include "tensor/memory_model.hpp"

#include <gtest/gtest.h>

#include "runtime/toy_network.hpp"

/// What the model says about budgets; that it says the truth is tested with a real run, in tests/runtime.
namespace obscura::tensor {
namespace {

const plan::Plan& toy() {
    static const plan::Plan plan = test::toy_plan({10, 8, 2, 8, 3, true}, 1);
    return plan;
}

TEST(MemoryModel, PlansEveryLayer) {
    const auto memory = plan_memory(toy(), 1ull << 40, 1);
    EXPECT_EQ(memory.options.size(), toy().layers.size());
    EXPECT_EQ(memory.limbs.size(), toy().layers.size());
    EXPECT_EQ(memory.peak(), *std::max_element(memory.limbs.begin(), memory.limbs.end()));
    for (const auto& options : memory.options) EXPECT_GE(options.block_columns, 8);  // all columns at once
}

TEST(MemoryModel, SmallerBudgetsMakeSmallerBlocksAndAreKept) {
    const auto most = plan_memory(toy(), 1ull << 40, 1), least = plan_memory(toy(), 0, 1);
    ASSERT_LT(least.peak(), most.peak());
    for (const auto& options : least.options) {
        EXPECT_EQ(options.block_columns, 1);
        EXPECT_EQ(options.group_limbs, 1);
    }
    std::uint64_t last = least.peak();
    bool in_between = false;
    for (std::uint64_t limbs = least.peak(); limbs <= most.peak(); limbs += 8) {
        const auto memory = plan_memory(toy(), limbs * limb_bytes(toy()), 1);
        EXPECT_LE(memory.peak(), limbs);
        in_between |= memory.peak() > least.peak() && memory.peak() < most.peak();
        last = memory.peak();
    }
    EXPECT_TRUE(in_between);
    EXPECT_GT(last, least.peak());
}

TEST(MemoryModel, ThreadsTakeRoomOfTheirOwn) {
    const auto one = plan_memory(toy(), 1ull << 40, 1), two = plan_memory(toy(), 1ull << 40, 2);
    const auto scratch = two.peak() - one.peak();
    // squares and digits of 6 limbs, raised digits in groups, special limbs and a few single ones: at least that
    EXPECT_GE(scratch, 2 * 6 + 2 * ckks::SwitchScratch::group + 3 + 3u);
}

TEST(MemoryModel, LimbsAreThoseOfThePool) {
    EXPECT_EQ(limb_bytes(toy()), ckks::LimbPool(1024).limb_bytes());
    EXPECT_GE(limb_bytes(toy()), 4096u);
}

}  // namespace
}  // namespace obscura::tensor
