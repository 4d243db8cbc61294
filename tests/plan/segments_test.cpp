#include <gtest/gtest.h>

#include <functional>

#include "io/scratch.hpp"
#include "plan/layout.hpp"
#include "plan/noise.hpp"
#include "plan/plan_file.hpp"
#include "plan/serialise.hpp"
#include "runtime/toy_network.hpp"

/// Plans whose later layers have a ring and keys of their own.
namespace obscura::plan {
namespace {

using obscura::testing::expect_error;

/// Layers: first, second, shortcut and third (which merge tiles), fourth, scores. The last two have a ring of half the
/// degree, and one special prime less.
Plan two_rings() {
    return test::toy_plan({12, 8, 2, 1, 3, true, true, false, 1, 1, true}, 5);
}

TEST(Segments, LayersKnowTheirsAndThatOfTheirReaders) {
    const Plan plan = two_rings();
    validate(plan);
    ASSERT_EQ(plan.segments.size(), 2U);
    const std::size_t own[] = {0, 0, 0, 0, 1, 1}, reading[] = {0, 0, 1, 1, 1, 1};
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        EXPECT_EQ(plan.segment_of(i), own[i]) << i;
        EXPECT_EQ(plan.reading_segment(i), reading[i]) << i;
        EXPECT_EQ(plan.switches_ring(i), own[i] != reading[i]) << i;
    }
    EXPECT_EQ(highest_square(plan, 0), plan.layers[0].output_level());
    EXPECT_EQ(highest_square(plan, 1), plan.layers[3].output_level());
}

/// Half the slots, half the tiles, as many images; the first tiles hold all of the merged image.
TEST(Segments, MergingLeavesAsManyTilesAsTheSmallerRingHas) {
    const Plan plan = two_rings();
    const auto all = layouts(plan);
    for (const std::size_t map : {0, 1, 2}) EXPECT_EQ(all[map].tiles, 64);
    for (const std::size_t map : {3, 4, 5, 6}) {
        EXPECT_EQ(all[map].tiles, 32);
        EXPECT_EQ(all[map].gap, 2);
        EXPECT_EQ(all[map].batch, all[0].batch);
    }
    for (int column = 0; column < all[4].columns(); ++column)
        for (const Phase& phase : phases(all[2], all[4], 2, column)) {
            ASSERT_EQ(phase.tiles.size(), 64U);
            for (std::size_t tile = 32; tile < 64; ++tile) EXPECT_FALSE(phase.tiles[tile]);
        }
    // rotations of either ring stay below its slots
    for (const auto& key : plan.segments[1].rotation_keys) EXPECT_LT(key.step, 1 << 11);
}

/// Layers: first, second; third, fourth and scores in a ring of half the degree, which holds one copy of two.
Plan two_copies() {
    return test::toy_plan({12, 8, 2, 1, 3, false, false, false, 1, 1, true, 2}, 5);
}

/// Half the slots, half the copies, and everything else as it was: nothing has to move.
TEST(Segments, ASmallerRingHoldsFewerCopies) {
    const Plan plan = two_copies();
    validate(plan);
    EXPECT_EQ(plan.batch(), 32);
    const auto all = layouts(plan);
    for (std::size_t map = 0; map < all.size(); ++map) {
        EXPECT_EQ(all[map].copies, map < 2 ? 2 : 1) << map;
        EXPECT_EQ(all[map].tiles, 64);
        EXPECT_EQ(all[map].gap, 1);
        EXPECT_EQ(all[map].batch, 32);
    }
    for (const Layer& layer : plan.layers) EXPECT_FALSE(layer.masked);
    EXPECT_TRUE(plan.switches_ring(1));
    EXPECT_EQ(layer_noise(plan, 1), rescale_noise(11)) << "rescales in the smaller ring";

    const auto refused = [](const char* message, const std::function<void(Plan&)>& damage, Plan of) {
        damage(of);
        SCOPED_TRACE(message);
        expect_error(ErrorCode::format, message, [&] { validate(of); });
    };
    refused(
        "1 copies in a ring of 2^1 times fewer slots", [](Plan& p) { p.copies = 1; }, plan);
    refused(
        "2 copies go to a smaller ring, merged", [](Plan& p) { p.copies = 2; }, two_rings());
    Plan odd = plan;
    odd.copies = 3;
    expect_error(ErrorCode::unsupported, "3 copies in 2^12 slots", [&] { validate(odd); });
}

TEST(Segments, NoiseIsThatOfTheRingThatRescales) {
    const Plan plan = two_rings();
    EXPECT_EQ(layer_noise(plan, 1), rescale_noise(12));
    EXPECT_EQ(layer_noise(plan, 3), rescale_noise(11));
    EXPECT_EQ(layer_noise(plan, 4), rescale_noise(11));
}

TEST(Segments, FilesKeepThem) {
    const obscura::testing::Scratch folder;
    for (const Plan& plan : {two_rings(), two_copies()}) {
        save_plan(plan, folder / "plan");
        const Plan read = load_plan(folder / "plan");
        EXPECT_EQ(describe(read), describe(plan));
        EXPECT_EQ(read.copies, plan.copies);
        EXPECT_EQ(read.digest(), plan.digest());
    }
    const Plan plan = two_rings();
    Plan other = plan;
    other.segments[1].parameters.special[0] = plan.segments[0].parameters.special.back();
    EXPECT_NE(other.digest(), plan.digest());
}

TEST(Segments, ValidateNamesWhatIsWrong) {
    struct Case {
        const char* message;
        std::function<void(Plan&)> damage;
    };
    const std::vector<Case> cases{
        {"0 segments", [](Plan& p) { p.segments.clear(); }},
        {"segment 0 begins with layer 1", [](Plan& p) { p.segments[0].first_layer = 1; }},
        {"segment 1 begins with layer 0", [](Plan& p) { p.segments[1].first_layer = 0; }},
        {"segment 1 begins with layer 9 of 6", [](Plan& p) { p.segments[1].first_layer = 9; }},
        {"is not the lower part",
         [](Plan& p) { p.segments[1].parameters.chain.erase(p.segments[1].parameters.chain.begin()); }},
        {"N = 2^13 after 2^12", [](Plan& p) { p.segments[1].parameters.log_degree = 13; }},
        {"limbs, segment 1 only", [](Plan& p) { p.segments[1].parameters.chain.pop_back(); }},
        {"is read in segments",
         [](Plan& p) {
             p.segments[1].first_layer = 3;
             p.segments[1].parameters.log_degree = 12;
         }},
        {"no key for the rotation", [](Plan& p) { p.segments[1].rotation_keys.clear(); }},
        {"relinearisation key for 1 limbs", [](Plan& p) { p.segments[1].relinearisation_level = 1; }},
    };
    for (const Case& test : cases) {
        Plan plan = two_rings();
        test.damage(plan);
        SCOPED_TRACE(test.message);
        expect_error(ErrorCode::format, test.message, [&] { validate(plan); });
    }
}

/// A smaller ring that is not secure is refused as a first one would be.
TEST(Segments, EachMustBeSecure) {
    Plan plan = two_rings();
    plan.segments[1].parameters.insecure_for_tests = false;
    expect_error(ErrorCode::security, "N = 2^11", [&] { validate(plan); });
}

}  // namespace
}  // namespace obscura::plan
