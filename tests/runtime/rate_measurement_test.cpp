#include "runtime/rate_measurement.hpp"

#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "runtime/request_fixture.hpp"

namespace obscura::test {
namespace {

/// How fast a machine is cannot be tested; that what was measured is of a plausible size, and can be stopped, can.
TEST(RateMeasurement, GivesRatesOrSaysThatTheMachineIsBusy) {
    runtime::MeasurementOptions options;
    options.log_degree = 10;
    options.threads = 1;
    options.rounds = 1;
    Silent silent;
    try {
        const tensor::MachineRates rates = runtime::measure_rates(options, silent);
        EXPECT_EQ(rates.threads, 1);
        EXPECT_GT(rates.transform_seconds, 1e-7);
        EXPECT_LT(rates.transform_seconds, 1);
        EXPECT_GT(rates.product_rate, 1e6);
        EXPECT_LT(rates.product_rate, 1e13);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::resource) << error.what();
    }
    StopAfter stop(3);
    testing::expect_error(ErrorCode::cancelled, "interrupted", [&] { runtime::measure_rates(options, stop); });
}

}  // namespace
}  // namespace obscura::test
