#include "plan/plan.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "io/scratch.hpp"
#include "plan/limits.hpp"
#include "plan/plan_file.hpp"
#include "plan/serialise.hpp"
#include "plan/toy_plan.hpp"

namespace obscura::plan {
namespace {

using obscura::testing::expect_error;
using testing::toy_plan;

TEST(Plan, MasksThatNothingNeedsAreRefused) {
    Plan plan = toy_plan();
    for (Layer& layer : plan.layers) ++layer.level;
    plan.segments.front().parameters.chain.push_back(ring::ntt_primes(10, 7).back());
    plan.layers[0].masked = true;
    plan.layers[0].level = 5;
    expect_error(ErrorCode::format, "masked, which its merging and padding do not need", [&] { validate(plan); });
}

TEST(Plan, IdentityIsOneTapAndAUnitMatrix) {
    Layer layer;
    layer.out_channels = 2;
    layer.operands = {{0, 2, 1, {{0, 0}}, {1, 0, 0, 1}}};
    EXPECT_TRUE(is_identity(layer));
    const auto changed = [&](const std::function<void(Layer&)>& change) {
        Layer other = layer;
        change(other);
        return is_identity(other);
    };
    EXPECT_FALSE(changed([](Layer& l) { l.operands[0].weights = {1, 0, 0, 2}; }));
    EXPECT_FALSE(changed([](Layer& l) { l.operands[0].weights = {1, 1, 0, 1}; }));
    EXPECT_FALSE(changed([](Layer& l) { l.operands[0].taps = {{0, 1}}; }));
    EXPECT_FALSE(changed([](Layer& l) { l.operands.push_back(l.operands[0]); }));
    EXPECT_FALSE(changed([](Layer& l) {
        l.operands[0].channels = 3;
        l.operands[0].weights = {1, 0, 0, 0, 1, 0};
    }));
}

TEST(Plan, ToyPlanIsValid) {
    EXPECT_NO_THROW(validate(testing::zero_padded_plan()));
    EXPECT_NO_THROW(validate(toy_plan()));
    EXPECT_EQ(toy_plan().batch(), 128);
}

TEST(Plan, ValidateNamesWhatIsWrong) {
    struct Case {
        const char* message;
        std::function<void(Plan&)> damage;
    };
    const std::vector<Case> cases{
        {"the last layer must be the head", [](Plan& p) { p.layers.pop_back(); }},
        {"which is not an earlier one", [](Plan& p) { p.layers[0].operands[0].source = 0; }},
        {"which is not an earlier one", [](Plan& p) { p.layers[1].operands[0].source = 7; }},
        {"reads 3 channels of a source that has 2", [](Plan& p) { p.layers[1].operands[0].channels = 3; }},
        {"weights, must be", [](Plan& p) { p.layers[0].operands[0].weights.pop_back(); }},
        {"add up to", [](Plan& p) { p.layers[0].operands[0].weights.assign(18, 20000); }},
        {"weight -32768", [](Plan& p) { p.layers[0].operands[0].weights[3] = -32768; }},
        {"level 5 of 4", [](Plan& p) { p.layers[0].level = 5; }},
        {"level 1 of 4", [](Plan& p) { p.layers[1].level = 1; }},
        {"its source has 3 limbs", [](Plan& p) { p.layers[1].level = 4; }},
        {"stated output of 8x4 pixels", [](Plan& p) { p.layers[0].width = 4; }},
        {"bias", [](Plan& p) { p.layers[1].bias.pop_back(); }},
        {"not finite", [](Plan& p) { p.layers[1].bias[0] = INFINITY; }},
        {"not positive", [](Plan& p) { p.layers[2].output_scale[0] = 0; }},
        {"no key for the rotation", [](Plan& p) { p.segments.front().rotation_keys.pop_back(); }},
        {"no key for the rotation", [](Plan& p) { p.segments.front().rotation_keys[0].level = 1; }},
        {"two keys", [](Plan& p) { p.segments.front().rotation_keys.push_back(p.segments.front().rotation_keys[0]); }},
        {"relinearisation key for 2 limbs", [](Plan& p) { p.segments.front().relinearisation_level = 2; }},
        {"class names", [](Plan& p) { p.class_names.pop_back(); }},
        {"mean of the input", [](Plan& p) { p.input.mean.clear(); }},
        {"input of", [](Plan& p) { p.input.channels = 0; }},
        {"not masked, which its merging and padding demand",
         [](Plan& p) { p.layers[0].operands[0].padding = Padding::zeros; }},
        {"padding that wraps by 1 rows in cells of 2x4 pixels",
         [](Plan& p) {
             p.cell = {2, 4};
         }},
        {"borders, but no bias",
         [](Plan& p) {
             p.layers[2].borders = {{1, {0, 1}, {1, 2}}};
         }},
        {"border of stride 3",
         [](Plan& p) {
             p.layers[0].borders = {{3, {0, 1}, {1, 2}}};
         }},
        {"border at tap (0, 9999)",
         [](Plan& p) {
             p.layers[0].borders = {{1, {0, 9999}, {1, 2}}};
         }},
        {"shift of a border",
         [](Plan& p) {
             p.layers[0].borders = {{1, {0, 1}, {1}}};
         }},
        {"not finite",
         [](Plan& p) {
             p.layers[0].borders = {{1, {0, 1}, {1, NAN}}};
         }},
        {"1e+300",
         [](Plan& p) {
             p.layers[0].borders = {{1, {0, 1}, {1, 1e300}}};
         }},
    };
    for (const Case& test : cases) {
        Plan plan = toy_plan();
        test.damage(plan);
        SCOPED_TRACE(test.message);
        expect_error(ErrorCode::format, test.message, [&] { validate(plan); });
    }
}

TEST(Plan, ValidateRefusesInsecureParameters) {
    Plan plan = toy_plan();
    plan.segments.front().parameters.insecure_for_tests = false;
    expect_error(ErrorCode::security, "", [&] { validate(plan); });
}

TEST(Plan, DigestChangesWithEverything) {
    const std::string digest = toy_plan().digest();
    EXPECT_EQ(digest.size(), 64U);
    EXPECT_EQ(digest, toy_plan().digest());
    const std::vector<std::function<void(Plan&)>> changes{
        [](Plan& p) { p.model = "other"; },
        [](Plan& p) { p.layers[0].operands[0].weights[5] ^= 1; },
        [](Plan& p) { p.layers[1].bias[2] += 1e-9; },
        [](Plan& p) { p.input.factor[0] *= 1 + 1e-15; },
        [](Plan& p) { p.layers[0].operands[0].taps[0].dx = 0; },
        [](Plan& p) { std::swap(p.segments.front().parameters.chain[0], p.segments.front().parameters.chain[1]); }};
    for (const auto& change : changes) {
        Plan plan = toy_plan();
        change(plan);
        EXPECT_NE(plan.digest(), digest);
    }
}

TEST(PlanFile, RoundTrip) {
    const obscura::testing::Scratch folder;
    for (const Plan& plan : {toy_plan(), testing::zero_padded_plan()}) {
        save_plan(plan, folder / "toy.plan");
        const Plan read = load_plan(folder / "toy.plan");
        EXPECT_EQ(describe(read), describe(plan));
        EXPECT_EQ(read.digest(), plan.digest());
        EXPECT_EQ(read.layers[1].operands[0].weights, plan.layers[1].operands[0].weights);
        EXPECT_EQ(read.layers[1].operands[0].padding, plan.layers[1].operands[0].padding);
        EXPECT_EQ(read.layers[0].borders.size(), plan.layers[0].borders.size());
        EXPECT_EQ(read.cyclic_twin, plan.cyclic_twin);
    }
}

TEST(PlanFile, EveryTruncationIsAnError) {
    const obscura::testing::Scratch folder;
    save_plan(toy_plan(), folder / "toy.plan");
    const auto bytes = obscura::testing::read_file(folder / "toy.plan");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(size);
        obscura::testing::write_file(folder / "cut.plan", obscura::testing::Bytes(bytes.begin(), end));
        EXPECT_THROW(load_plan(folder / "cut.plan"), Error) << size;
    }
}

TEST(PlanFile, EveryFlippedByteIsAnError) {
    const obscura::testing::Scratch folder;
    save_plan(toy_plan(), folder / "toy.plan");
    auto bytes = obscura::testing::read_file(folder / "toy.plan");
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] ^= 0x10;
        obscura::testing::write_file(folder / "bad.plan", bytes);
        EXPECT_THROW(load_plan(folder / "bad.plan"), Error) << i;
        bytes[i] ^= 0x10;
    }
}

TEST(PlanFile, DescriptionsOutOfBoundsAreErrors) {
    const std::string good = describe(toy_plan());
    const auto replaced = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return text.replace(at, from.size(), to);
    };
    const std::vector<std::pair<std::string, std::string>> changes{
        {R"("out_channels":2)", R"("out_channels":2000000000)"},
        {R"("out_channels":2)", R"("out_channels":-1)"},
        {R"("out_channels":2)", R"("out_channels":2.5)"},
        {R"("out_channels":2)", R"("out_channels":"2")"},
        {R"("stride":1)", R"("stride":0)"},
        {R"("finish":0)", R"("finish":3)"},
        {R"("log_degree":10)", R"("log_degree":40)"},
        {R"("taps":[[-1,-1])", R"("taps":[[-1])"},
        {R"("taps":[[-1,-1])", R"("taps":[[-1,1e9])"},
        {R"("cell":[1,8])", R"("cell":[0,8])"},
        {R"("level":4)", R"("level":18446744073709551615)"},
        {R"("bias":[1000.0)", R"("bias":[null)"},
        {R"("wrap":1)", R"("wrap":-1)"},
        {R"("masked":false)", R"("masked":0)"},
        {R"("borders":[])", R"("borders":[{"stride":1,"tap":[0],"shift":[]}])"},
        {R"("cyclic_twin":null)", R"("cyclic_twin":{"log_degree":15,"limbs":999,"log2_qp":1,"layout":{}})"},
        {"{", "["}};
    for (const auto& [from, to] : changes) {
        SCOPED_TRACE(to);
        expect_error(ErrorCode::format, "plan", [&, &f = from, &t = to] { parse_description(replaced(f, t)); });
    }
}

}  // namespace
}  // namespace obscura::plan
