#include "compiler/planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ckks/parameters.hpp"
#include "compiler/compile.hpp"
#include "compiler/onnx_fixture.hpp"
#include "io/scratch.hpp"
#include "plan/layout.hpp"

namespace obscura::compiler {
namespace {

using obscura::testing::expect_error;
using tensor::process_bytes;

plan::Plan planned(int batch, std::uint64_t memory_bytes) {
    CompileOptions options;
    options.log_degree = 10;
    options.insecure_for_tests = true;
    options.threads = 2;
    options.batch = batch;
    options.memory_bytes = memory_bytes;
    const auto model = testing::model_path("tiny-resnet");
    return compile(model, testing::images(testing::expected("tiny-resnet"), 8, 8, 2), options);
}

constexpr std::uint64_t plenty = 2'000'000'000;

const plan::Alternative& chosen(const plan::Plan& plan) {
    return *std::find_if(plan.alternatives.begin(), plan.alternatives.end(),
                         [&](const auto& a) { return a.cell == plan.cell; });
}

double seconds_for(const plan::Alternative& layout, int batch) {
    return batch == 0 ? layout.seconds / layout.batch
                      : layout.seconds * std::ceil(static_cast<double>(batch) / layout.batch);
}

TEST(Planner, TakesTheLeastTimeForTheBatch) {
    for (const int batch : {0, 1, 16, 17, 100, 128, 1000}) {
        const plan::Plan plan = planned(batch, plenty);
        ASSERT_GT(plan.alternatives.size(), 4U);
        for (const auto& other : plan.alternatives)
            EXPECT_LE(seconds_for(chosen(plan), batch), seconds_for(other, batch))
                << "batch " << batch << ": chose cells of " << plan.cell.pixels() << ", not " << other.cell.pixels();
    }
    EXPECT_LT(planned(1, plenty).cell.pixels(), planned(0, plenty).cell.pixels())
        << "latency wants short runs, throughput long ones";
}

/// Slots that few images leave idle hold copies of them, as many as smaller rings make use of later.
TEST(Planner, FewImagesAreHeldInCopies) {
    const auto plan_for = [](const char* name, int batch) {
        CompileOptions options = testing::toy_options();
        options.log_degree = 12;
        options.run_length = 1;  // 64 tiles: room for 64 images
        options.batch = batch;
        return compile(testing::model_path(name), testing::images(testing::expected(name), 8, 8, 2), options);
    };
    for (const auto& [batch, copies] : {std::pair{0, 1}, {64, 1}, {33, 1}, {32, 2}, {16, 4}, {1, 4}}) {
        const plan::Plan plan = plan_for("tiny-dense", batch);
        SCOPED_TRACE(batch);
        EXPECT_EQ(plan.copies, copies);  // 4: kernels know rings down to 2^10
        EXPECT_EQ(plan.batch(), 64 / copies);
        EXPECT_EQ(plan.segments.back().parameters.log_degree, copies == 1 ? 12 : copies == 2 ? 11 : 10);
        EXPECT_EQ(plan::layouts(plan).back().copies, 1);
    }
    EXPECT_EQ(plan_for("tiny-resnet", 1).copies, 1) << "merges tiles instead";
}

TEST(Planner, StaysWithinTheMemory) {
    const plan::Plan free = planned(0, plenty);
    std::uint64_t least = plenty;
    for (const auto& a : free.alternatives) least = std::min(least, a.memory_bytes);
    ASSERT_LT(least, chosen(free).memory_bytes);
    const std::uint64_t tight = process_bytes + chosen(free).memory_bytes - 1;
    const plan::Plan plan = planned(0, tight);
    EXPECT_LE(chosen(plan).memory_bytes, tight - process_bytes);
    EXPECT_EQ(plan.memory_bytes, tight - process_bytes);
    expect_error(ErrorCode::resource, "the least is", [&] { planned(0, process_bytes + least / 100); });
}

/// The bundled network with zero padding instead of its own, in every layout there is.
TEST(Planner, ZeroPaddedResNet20IsSecureInEveryLayout) {
    plan::RealNetwork network = import_network(std::string(OBSCURA_SOURCE_DIR) + "/models/resnet20-cifar10.onnx");
    for (auto& layer : network.layers)
        for (auto& operand : layer.operands)
            if (operand.taps.size() > 1) operand.padding = plan::Padding::zeros;
    for (int run = 1; run <= 1024; run *= 2) {
        CompileOptions options;
        options.run_length = run;
        const Design found = design(network, options);
        const ckks::Parameters parameters(found.segments.front().parameters);
        EXPECT_EQ(parameters.security_bits(), 128) << "runs of " << run;
        EXPECT_EQ(parameters.log_degree(), run == 1024 ? 15 : 16) << "runs of " << run;
        const auto masked = std::count(found.merging.masked.begin(), found.merging.masked.end(), true);
        EXPECT_EQ(masked, run == 1024 ? 0 : 19) << "runs of " << run;
        EXPECT_EQ(parameters.levels(), 21 + masked) << "runs of " << run;
        ASSERT_TRUE(found.cyclic_twin);
        EXPECT_EQ(found.cyclic_twin->log_degree, 15);
        EXPECT_LE(found.cyclic_twin->limbs, 23);
    }
}

TEST(Planner, TellsWhyNoLayoutFits) {
    CompileOptions options;
    options.log_degree = 10;  // secure for no modulus
    const auto model = testing::model_path("tiny-resnet");
    expect_error(ErrorCode::security, "not secure",
                 [&] { compile(model, testing::images(testing::expected("tiny-resnet"), 8, 8, 2), options); });
}

}  // namespace
}  // namespace obscura::compiler
