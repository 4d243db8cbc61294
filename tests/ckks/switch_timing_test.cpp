#include "ckks/switch_timing.hpp"

#include <gtest/gtest.h>

#include "ckks/toy.hpp"

namespace obscura::ckks::test {
namespace {

TEST(SwitchTiming, JobsOfEveryLevelRunMoreThanOnce) {
    const Context context{Parameters(toy_literal(10, 6, 2))};
    const auto jobs = switch_jobs(context, {6, 3, 2});
    ASSERT_EQ(jobs.size(), 6u);
    EXPECT_EQ(jobs[0].kernel, "square and relinearise, 6 limbs");
    EXPECT_EQ(jobs[5].kernel, "two hoisted rotations, 2 limbs");
    for (const auto& job : jobs) {
        EXPECT_EQ(job.variant, context.kernels().name);
        for (int i = 0; i < 3; ++i) job.run();
    }
}

}  // namespace
}  // namespace obscura::ckks::test
