#include "ring/kernel_timing.hpp"

#include <gtest/gtest.h>

namespace obscura::ring {
namespace {

TEST(KernelTiming, TimesEveryKernelOfEveryVariant) {
    const auto timings = time_kernels(12, 1e-4);
    EXPECT_EQ(timings.size() % available_kernels().size(), 0u);
    for (const auto& t : timings) {
        EXPECT_GT(t.min_microseconds, 0) << t.variant << " " << t.kernel;
        EXPECT_LE(t.min_microseconds, t.median_microseconds);
        EXPECT_GT(t.giga_per_second, 0);
    }
}

}  // namespace
}  // namespace obscura::ring
