#include "tensor/rate_fit.hpp"

#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "runtime/toy_network.hpp"

namespace obscura::tensor {
namespace {

using obscura::testing::expect_error;

struct Model {
    plan::Plan plan = test::toy_plan({10, 8, 2, 8, 3, true}, 1);
    MemoryPlan memory = plan_memory(plan, 1ull << 40, 1);
    std::vector<LayerWork> work = layer_work(plan, memory);

    std::vector<LinearTimes> times(const MachineRates& rates) const {
        std::vector<LinearTimes> result;
        for (const LayerCost& cost : layer_costs(plan, memory, rates)) result.push_back(cost.times);
        return result;
    }
};

/// Times that the model itself predicts lead back to the rates; elimination with doubles leaves 1e-9.
TEST(RateFit, InvertsTheModel) {
    const Model model;
    const MachineRates rates{40e-6, 90e-6, 31e9, 2.5e9, 1.3e9, 3};
    const MachineRates found =
        fit_rates(model.work, model.times(rates), model.plan.segments.front().parameters.log_degree, 3);
    EXPECT_NEAR(found.transform_seconds / rates.transform_seconds, 1, 1e-6);
    EXPECT_NEAR(found.square_seconds / rates.square_seconds, 1, 1e-6);
    EXPECT_NEAR(found.product_rate / rates.product_rate, 1, 1e-6);
    EXPECT_NEAR(found.key_product_rate / rates.key_product_rate, 1, 1e-6);
    EXPECT_NEAR(found.pack_rate / rates.pack_rate, 1, 1e-6);
    EXPECT_EQ(found.threads, 3);
}

/// Layers that pack took less time, the more they did, which once ended calibration on an idle machine: packing is then
/// free, and the other rates still explain the times.
TEST(RateFit, WorkThatSeemsToCostLessThanNothingIsFree) {
    const Model model;
    auto times = model.times({});
    for (std::size_t i = 0; i < times.size(); ++i) {
        const LayerWork& work = model.work[i];
        times[i].product = work.products / 20e9 + work.key_products / 2e9 - work.words / 40e9;
        ASSERT_GT(times[i].product, 0);
    }
    const MachineRates found = fit_rates(model.work, times, model.plan.segments.front().parameters.log_degree, 1);
    EXPECT_DOUBLE_EQ(found.pack_rate, free_rate);
    EXPECT_NEAR(found.product_rate / 20e9, 1, 0.5);
    EXPECT_NEAR(found.key_product_rate / 2e9, 1, 0.5);
}

TEST(RateFit, RefusesTimesThatMakeNoSense) {
    const Model model;
    const std::vector<LinearTimes> times(model.work.size());
    expect_error(ErrorCode::resource, "measure again",
                 [&] { fit_rates(model.work, times, model.plan.segments.front().parameters.log_degree, 1); });
}

}  // namespace
}  // namespace obscura::tensor
