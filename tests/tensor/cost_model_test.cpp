#include "tensor/cost_model.hpp"

#include <gtest/gtest.h>

#include "ring/kernels/kernels.hpp"
#include "runtime/toy_network.hpp"

namespace obscura::tensor {
namespace {

/// A server with AVX-512 was predicted to take 2.2 times as long as it did, by the rates of one without.
TEST(UsualRates, AreThoseOfMachinesWithTheSameKernels) {
    const plan::Plan plan = test::toy_plan({10, 8, 2, 8, 3, true}, 1);
    const MemoryPlan memory = plan_memory(plan, 1ull << 40, 1);
    const auto seconds = [&](const MachineRates& rates) {
        double sum = 0;
        for (const LayerCost& cost : layer_costs(plan, memory, rates)) sum += cost.seconds();
        return sum;
    };
    const double slow = seconds({});
    for (const ring::Kernels* kernels : ring::available_kernels()) {
        const auto [rates, machine] = usual_rates(kernels->name);
        const bool wide = std::string_view(kernels->name).starts_with("avx512");
        EXPECT_EQ(seconds(rates) < 0.7 * slow, wide) << kernels->name;
        EXPECT_EQ(std::string_view(machine) == usual_rates("scalar").machine, !wide) << kernels->name;
    }
}

}  // namespace
}  // namespace obscura::tensor
