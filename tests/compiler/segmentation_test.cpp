#include "compiler/segmentation.hpp"

#include <gtest/gtest.h>

#include "compiler/explain.hpp"
#include "compiler/onnx_fixture.hpp"
#include "compiler/planner.hpp"
#include "runtime/toy_network.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::compiler {
namespace {

/// Layers: first, second, shortcut and third (which merge tiles), fourth, scores.
TEST(Segmentation, CutsWhereNoMapIsReadOnBothSides) {
    const auto merged = test::toy_plan({12, 8, 2, 1, 3, true, true}, 5);
    const bool expected[] = {true, true, true, false, true, true};
    for (std::size_t i = 1; i < merged.layers.size(); ++i) EXPECT_EQ(can_cut(merged, i), expected[i]) << i;
    // unmerged, the shortcut reads what the convolution before it has read
    const auto plain = test::toy_plan({12, 8, 2, 8, 3, true}, 5);
    const bool apart[] = {true, true, true, false, true};
    for (std::size_t i = 1; i < plain.layers.size(); ++i) EXPECT_EQ(can_cut(plain, i), apart[i]) << i;
}

TEST(Segmentation, CountsTheLimbsThatCrossACut) {
    const auto plan = test::toy_plan({12, 8, 2, 1, 3, true, true}, 5);
    EXPECT_EQ(limbs_from(plan, 1), plan.layers[0].output_level());
    EXPECT_EQ(limbs_from(plan, 4), plan.layers[2].output_level()) << "of the shortcut";
    EXPECT_EQ(limbs_from(plan, 5), plan.layers[4].output_level());
}

/// 128 bits: the table of ckks/parameters.hpp, with room for special primes of a quarter of the chain.
TEST(Segmentation, SmallerRingsAreSecure) {
    ckks::ParametersLiteral literal;
    literal.log_degree = 16;
    literal.chain = ring::ntt_primes(16, 40);
    EXPECT_TRUE(ring_suffices(literal, 21, 15));
    EXPECT_FALSE(ring_suffices(literal, 25, 15));
    EXPECT_TRUE(ring_suffices(literal, 8, 14));
    EXPECT_FALSE(ring_suffices(literal, 12, 14));
    literal.insecure_for_tests = true;
    EXPECT_TRUE(ring_suffices(literal, 40, 10));
    EXPECT_FALSE(ring_suffices(literal, 2, 9));
}

TEST(Segmentation, RingsFollowTheTiles) {
    const auto plan = test::toy_plan({12, 8, 2, 1, 3, true, true}, 5);
    const auto same = ring_segments(plan, {64, 64, 64, 64, 64, 64}, 12);
    ASSERT_TRUE(same);
    EXPECT_EQ(same->size(), 1U);
    const auto quarter = ring_segments(plan, {64, 64, 16, 16, 16, 16}, 12);
    ASSERT_TRUE(quarter);
    ASSERT_EQ(quarter->size(), 2U);
    EXPECT_EQ((*quarter)[1].first_layer, 4);
    EXPECT_EQ((*quarter)[1].parameters.log_degree, 10);
    EXPECT_FALSE(ring_segments(plan, {64, 64, 64, 32, 32, 32}, 12)) << "fourth reads maps of two rings";
    EXPECT_FALSE(ring_segments(plan, {64, 32, 32, 32, 64, 64}, 12)) << "rings do not grow";
}

/// The search is exact: no other number of special primes, for all layers, is faster by the same model.
TEST(Segmentation, IsNoSlowerThanOneSegment) {
    auto plan = test::toy_plan({12, 8, 2, 1, 3, true, true}, 5);
    CompileOptions options;
    std::vector<ckks::ParametersLiteral> choices;
    for (std::size_t special = 1; special <= 3; ++special) {
        auto literal = plan.parameters();
        literal.special.resize(special);
        literal.digit_limbs = static_cast<int>(special);
        choices.push_back(std::move(literal));
    }
    const auto seconds = [&](const plan::Plan& of) {
        double sum = 0;
        for (const auto& cost : tensor::layer_costs(of, tensor::plan_memory(of, of.memory_bytes, 1), options.rates))
            sum += cost.seconds();
        return sum;
    };
    plan::Plan best = plan;
    best.segments = choose_segments(plan, choices, options);
    fill_keys(best);
    plan::validate(best);
    for (const auto& choice : choices) {
        plan::Plan other = plan;
        other.segments.front().parameters = choice;
        EXPECT_LE(seconds(best), 1.2 * seconds(other)) << choice.special.size() << " special primes: keys have a price";
    }
}

TEST(Segmentation, ExplainCountsAllKeys) {
    const auto plan = test::toy_plan({12, 8, 2, 1, 3, true, true, false, 1, 1, true}, 5);
    const Explanation explanation = explain(plan);
    ASSERT_EQ(explanation.segments.size(), 2U);
    EXPECT_EQ(explanation.segments[0].keys, static_cast<int>(plan.segments[0].rotation_keys.size()) + 1);
    EXPECT_EQ(explanation.segments[1].keys, static_cast<int>(plan.segments[1].rotation_keys.size()) + 2)
        << "one switches rings";
}

/// A real network in a ring that its last layers do not fill: they go to smaller ones, at 128 bits each.
TEST(Segmentation, DeepNetworksOfFewImagesEndInSmallRings) {
    CompileOptions options;
    options.batch = 1;
    options.threads = 1;
    const auto network = import_network(testing::model_path("tiny-resnet"));
    const Design chosen = design(network, options);
    for (const auto& segment : chosen.segments) EXPECT_EQ(ckks::Parameters(segment.parameters).security_bits(), 128);
    for (std::size_t i = 1; i < chosen.segments.size(); ++i) {
        EXPECT_LE(chosen.segments[i].parameters.log_degree, chosen.segments[i - 1].parameters.log_degree);
        EXPECT_LE(chosen.segments[i].parameters.chain.size(), chosen.segments[i - 1].parameters.chain.size());
    }
}

}  // namespace
}  // namespace obscura::compiler
