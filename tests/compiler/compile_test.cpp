#include "compiler/compile.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "compiler/calibration.hpp"
#include "compiler/explain.hpp"
#include "compiler/onnx_fixture.hpp"
#include "compiler/parameter_choice.hpp"
#include "compiler/simulate.hpp"
#include "compiler/value_range.hpp"
#include "io/scratch.hpp"
#include "plan/exact_reference.hpp"
#include "plan/layout.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

using obscura::testing::expect_error;
using testing::expected;
using testing::model_path;
using testing::toy_options;

plan::Plan toy_plan(const char* model, int channels, const CompileOptions& options) {
    return compile(model_path(model), testing::images(expected(model), 8, 8, channels), options);
}

TEST(Compile, IntegersFollowTheNetwork) {
    for (const auto& [name, channels] : {std::pair{"tiny-resnet", 2}, std::pair{"tiny-pool", 1},
                                         std::pair{"tiny-ensemble", 2}, std::pair{"tiny-linear", 2}}) {
        const auto want = expected(name);
        const plan::Plan plan = toy_plan(name, channels, toy_options());
        const io::Images images = testing::images(want, 8, 8, channels);
        for (std::size_t i = 0; i < want.scores.size(); ++i) {
            const std::size_t pixels = static_cast<std::size_t>(64 * channels);
            const auto exact =
                plan::evaluate_exactly(plan, plan::encode_exactly(plan.input, images.pixels.data() + i * pixels));
            for (std::size_t o = 0; o < exact.scores.size(); ++o)
                EXPECT_NEAR(exact.scores[o], want.scores[i][o], 0.1) << name << ", image " << i;
        }
    }
}

/// Keys are made for a plan's digest: compiling again must not make them useless. Sums of what calibration sees used to
/// depend on which thread had which image.
TEST(Compile, GivesTheSamePlanWithAnyNumberOfThreads) {
    CompileOptions options = toy_options();
    options.threads = 1;
    const std::string digest = toy_plan("tiny-resnet", 2, options).digest();
    for (const int threads : {2, 3, 5}) {
        options.threads = threads;
        EXPECT_EQ(toy_plan("tiny-resnet", 2, options).digest(), digest) << threads << " threads";
    }
}

TEST(Compile, LevelsScalesAndKeysFit) {
    CompileOptions options = toy_options();
    options.merge_tiles = false;
    const plan::Plan plan = toy_plan("tiny-resnet", 2, options);
    EXPECT_EQ(plan.segments.front().parameters.chain.size(), 7U);
    EXPECT_TRUE(plan.segments.front().parameters.insecure_for_tests);
    EXPECT_EQ(plan.segments.front().parameters.digit_limbs, 3);
    EXPECT_EQ(plan.segments.front().relinearisation_level, 6);
    EXPECT_EQ(plan.cell, (plan::Cell{1, 8}));
    EXPECT_EQ(plan.layers.back().level, 2);
    EXPECT_EQ(plan.segments.front().rotation_keys, plan::required_rotations(plan, 0));
    EXPECT_GE(plan.calibration_headroom_bits, std::log2(options.min_headroom));
    EXPECT_GT(plan.predicted_score_error_rms, 0);
    for (std::size_t i = 0; i + 1 < plan.layers.size(); ++i) {
        EXPECT_EQ(plan.layers[i].level, 7 - static_cast<int>(i));
        EXPECT_GE(headroom_bits(plan, plan.layers[i]), std::log2(options.min_headroom));
        // As balanced_scales() has it, but for the last squares; a small ring has little noise.
        if (i + 2 == plan.layers.size())
            EXPECT_NEAR(std::log2(plan.layers[i].rms), options.last_log_scale, 0.3);
        else
            EXPECT_NEAR(std::log2(plan.layers[i].rms), options.log_scale - 1, 2);
    }
    // Every special prime is larger than every prime of the chain.
    EXPECT_GT(*std::min_element(plan.segments.front().parameters.special.begin(),
                                plan.segments.front().parameters.special.end()),
              *std::max_element(plan.segments.front().parameters.chain.begin(),
                                plan.segments.front().parameters.chain.end()));
}

/// The strided block: its first layer merges and takes two primes, its shortcut becomes a layer that takes one.
TEST(Compile, MergesIdleTiles) {
    CompileOptions options = toy_options();
    options.merge_tiles = false;
    const plan::Plan apart = toy_plan("tiny-resnet", 2, options);
    options.merge_tiles = true;
    const plan::Plan plan = toy_plan("tiny-resnet", 2, options);
    ASSERT_EQ(plan.layers.size(), apart.layers.size() + 1);
    ASSERT_EQ(plan.segments.front().parameters.chain.size(), 8U);
    int merging = 0;
    const auto all = plan::layouts(plan);
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const plan::Layer& layer = plan.layers[i];
        EXPECT_EQ(all[i + 1].gap, 1) << layer.name;
        if (layer.merged_run == 0) continue;
        ++merging;
        EXPECT_EQ(layer.merged_run, 2) << "16 pixels in eight tiles";
        EXPECT_LT(plan.segments.front().parameters.chain[static_cast<std::size_t>(layer.level - 1)], 1U << 21);
        EXPECT_EQ(layer.level - layer.output_level(), layer.finish == plan::Finish::square ? 2 : 1);
        if (layer.finish == plan::Finish::none) {  // the shortcut merges what it reads, fewer channels than its sums
            EXPECT_TRUE(plan::is_identity(layer)) << layer.name;
            EXPECT_LT(layer.out_channels, plan.layers[i + 1].out_channels);
        }
    }
    EXPECT_EQ(merging, 2);
    // It is the same network, give or take the rounding of weights.
    const io::Images images = testing::images(expected("tiny-resnet"), 8, 8, 2);
    ThreadPool pool(1);
    const auto a = plan::PlainNetwork(plan::real_network(apart)).scores(images, pool);
    const auto b = plan::PlainNetwork(plan::real_network(plan)).scores(images, pool);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 0.1);
}

/// Zero padding in every layout: the exact integers of the plan follow ONNX's own scores, and validate() accepts it.
TEST(Compile, ZeroPaddingInEveryLayout) {
    for (const auto& [name, channels] : {std::pair{"tiny-zeros", 2}, std::pair{"tiny-same", 1}})
        for (const int run : {1, 2, 4, 8, 16, 32, 64}) {
            CompileOptions options = toy_options();
            options.run_length = run;
            const auto want = expected(name);
            const plan::Plan plan = toy_plan(name, channels, options);
            const io::Images images = testing::images(want, 8, 8, channels);
            for (std::size_t i = 0; i < want.scores.size(); ++i) {
                const auto pixels = static_cast<std::size_t>(64 * channels);
                const auto exact =
                    plan::evaluate_exactly(plan, plan::encode_exactly(plan.input, images.pixels.data() + i * pixels));
                for (std::size_t o = 0; o < exact.scores.size(); ++o)
                    EXPECT_NEAR(exact.scores[o], want.scores[i][o], 0.1) << name << ", runs of " << run;
            }
            const auto masked = std::count_if(plan.layers.begin(), plan.layers.end(),
                                              [](const plan::Layer& layer) { return layer.masked; });
            EXPECT_EQ(masked > 0, run < 64) << name << ", runs of " << run;
            ASSERT_TRUE(plan.cyclic_twin);
            const auto small = std::count_if(plan.segments.front().parameters.chain.begin(),
                                             plan.segments.front().parameters.chain.end(),
                                             [](auto prime) { return prime < 1U << 23; });
            EXPECT_GE(static_cast<int>(plan.segments.front().parameters.chain.size()), plan.cyclic_twin->limbs);
            EXPECT_LE(small, masked) << "a prime for the masks of a layer, shared with its shortcut";
        }
}

TEST(Explain, SaysWhatZeroPaddingCosts) {
    const plan::Plan plan = toy_plan("tiny-zeros", 2, toy_options());
    const Explanation explanation = explain(plan);
    ASSERT_TRUE(explanation.cyclic_twin);
    EXPECT_EQ(explanation.cyclic_twin->limbs, 7) << "twisted, so that nothing merges";
    EXPECT_EQ(explanation.limbs, 7 + 5) << "every convolution is masked";
    EXPECT_EQ(explanation.layers[0].masks, 9) << "all cells, all but those along a side, or along two";
    const auto report = nlohmann::json::parse(to_json(explanation)).at("zero_padding");
    EXPECT_GT(report.at("times_the_seconds_per_image").get<double>(), 1);
    EXPECT_EQ(report.at("cyclic").at("limbs"), 7);
    EXPECT_NE(to_text(explanation).find("zeros cost"), std::string::npos);
    const plan::Plan cyclic = toy_plan("tiny-resnet", 2, toy_options());
    EXPECT_FALSE(cyclic.cyclic_twin);
    EXPECT_TRUE(nlohmann::json::parse(to_json(explain(cyclic))).at("zero_padding").is_null());
}

/// Without strides there is nothing to merge or to mask, and no tile idles, however few pixels a cell has.
TEST(Compile, DenseNetworksInEveryLayout) {
    const auto want = expected("tiny-dense");
    const io::Images images = testing::images(want, 8, 8, 2);
    for (const int run : {1, 2, 4, 8, 16, 32, 64}) {
        SCOPED_TRACE(fmt::format("{} pixels a tile", run));
        CompileOptions options = toy_options();
        options.run_length = run;
        const plan::Plan plan = toy_plan("tiny-dense", 2, options);
        for (std::size_t i = 0; i < plan.layers.size(); ++i) {
            EXPECT_EQ(plan.layers[i].merged_run, 0);
            EXPECT_FALSE(plan.layers[i].masked);
            EXPECT_EQ(plan::layouts(plan)[i + 1].gap, 1);
        }
        for (std::size_t i = 0; i < want.scores.size(); ++i) {
            const auto exact =
                plan::evaluate_exactly(plan, plan::encode_exactly(plan.input, images.pixels.data() + i * 128));
            for (std::size_t o = 0; o < exact.scores.size(); ++o) EXPECT_NEAR(exact.scores[o], want.scores[i][o], 0.1);
        }
    }
}

/// The sum over many pixels has to fit the last two primes, so the last squares are smaller, by a quarter of a
/// bit for every doubling beyond 64.
TEST(Compile, HeadsOverManyPixelsHaveSmallerSquares) {
    CompileOptions options = toy_options();
    const plan::Plan few = toy_plan("tiny-dense", 2, options);
    EXPECT_NEAR(std::log2(few.layers[2].rms), options.last_log_scale, 0.3);
    const plan::Plan many =
        compile(model_path("tiny-large"), testing::images(expected("tiny-large"), 16, 16, 1), options);
    EXPECT_NEAR(std::log2(many.layers[0].rms), options.last_log_scale - 0.5, 0.2);
}

/// Twisted and circular padding in every layout that they fit: exact integers follow ONNX's own scores. Twisted, no
/// mask is needed, and where both sides of the cells are even nothing idles.
TEST(Compile, PaddingThatWrapsFartherInEveryLayout) {
    for (const auto& [name, wrap] : {std::pair{"tiny-twisted", 2}, std::pair{"tiny-circular", 8}})
        for (const int run : {1, 2, 4, 8, 16, 32, 64}) {
            SCOPED_TRACE(fmt::format("{}, {} pixels a tile", name, run));
            CompileOptions options = toy_options();
            options.run_length = run;
            const auto want = expected(name);
            if (run < wrap) {
                expect_error(ErrorCode::unsupported, "wraps by", [&, name = name] { toy_plan(name, 2, options); });
                continue;
            }
            const plan::Plan plan = toy_plan(name, 2, options);
            EXPECT_EQ(plan.cell.pixels(), run);
            const io::Images images = testing::images(want, 8, 8, 2);
            for (std::size_t i = 0; i < want.scores.size(); ++i) {
                const auto exact =
                    plan::evaluate_exactly(plan, plan::encode_exactly(plan.input, images.pixels.data() + i * 128));
                for (std::size_t o = 0; o < exact.scores.size(); ++o)
                    EXPECT_NEAR(exact.scores[o], want.scores[i][o], 0.1);
            }
            if (wrap != 2) continue;
            for (const plan::Layer& layer : plan.layers) EXPECT_FALSE(layer.masked) << layer.name;
            EXPECT_EQ(plan::layouts(plan).back().gap == 1, plan.cell.width > 1);
        }
}

TEST(Compile, RunsOfAllPixels) {
    CompileOptions options = toy_options();
    options.run_length = 64;
    const plan::Plan plan = toy_plan("tiny-resnet", 2, options);
    EXPECT_EQ(plan.batch(), 1024);
    EXPECT_TRUE(plan.segments.front().rotation_keys.empty());
}

TEST(Compile, RefusesWhatDoesNotFit) {
    CompileOptions options = toy_options();
    options.insecure_for_tests = false;
    expect_error(ErrorCode::security, "not secure", [&] { toy_plan("tiny-resnet", 2, options); });
    options = toy_options();
    options.run_length = 4;
    options.merge_tiles = false;
    expect_error(ErrorCode::unsupported, "merged tiles", [&] { toy_plan("tiny-resnet", 2, options); });
    const io::Images other = testing::images(expected("tiny-pool"), 8, 8, 1);
    expect_error(ErrorCode::format, "8x8", [&] { compile(model_path("tiny-resnet"), other, toy_options()); });
}

/// The plan that compiles with the default says how much it has: asking for just less is met, for just more refused.
TEST(Compile, RefusesTooLittleHeadroom) {
    CompileOptions options = toy_options();
    options.threads = 1;  // the digest covers sums of floating-point numbers
    const plan::Plan plan = toy_plan("tiny-resnet", 2, options);
    const double headroom = std::exp2(plan.calibration_headroom_bits);
    options.min_headroom = 0.999 * headroom;
    EXPECT_EQ(toy_plan("tiny-resnet", 2, options).digest(), plan.digest());
    options.min_headroom = 1.001 * headroom;
    const std::string worst = explain(plan).headroom_layer;
    expect_error(ErrorCode::range, worst, [&] { toy_plan("tiny-resnet", 2, options); });
    expect_error(ErrorCode::range, "a head-room of", [&] { toy_plan("tiny-resnet", 2, options); });
    // what the message advises
    options.log_scale -= 1;
    options.last_log_scale -= 1;
    EXPECT_GE(std::exp2(toy_plan("tiny-resnet", 2, options).calibration_headroom_bits), options.min_headroom);
}

TEST(ParameterChoice, TakesTheSmallestSecureDegree) {
    const auto limbs = [](int count) { return Levels{{}, {}, std::vector<bool>(static_cast<std::size_t>(count))}; };
    const auto resnet20 = parameter_choices(limbs(21), 32, {}).front();
    EXPECT_EQ(resnet20.log_degree, 15);
    EXPECT_EQ(resnet20.special.size(), 7U);
    EXPECT_EQ(resnet20.digit_limbs, 7);
    EXPECT_EQ(ckks::Parameters(resnet20).security_bits(), 128);
    // Two primes for masks still leave room for seven special primes, smaller ones.
    Levels merging = limbs(23);
    merging.mask[8] = merging.mask[15] = true;
    const auto merged = parameter_choices(merging, 32, {}).front();
    EXPECT_EQ(merged.log_degree, 15);
    EXPECT_EQ(merged.special.size(), 7U);
    EXPECT_LT(merged.chain[8], 1u << 21);
    EXPECT_GT(merged.chain[9], 1u << 29);
    EXPECT_EQ(ckks::Parameters(merged).security_bits(), 128);
    EXPECT_EQ(parameter_choices(limbs(33), 32, {}).front().log_degree, 16);
    EXPECT_GE(parameter_choices(limbs(3), 1 << 14, {}).front().log_degree, 14) << "room for every tile";
    expect_error(ErrorCode::security, "do not fit", [&] { parameter_choices(limbs(120), 32, {}); });
}

/// Fewer bits of weight, smaller primes: 27 limbs fit a ring that those of 30 bits do not.
TEST(ParameterChoice, FewerWeightBitsMakeSmallerPrimes) {
    const auto limbs = [](int count) { return Levels{{}, {}, std::vector<bool>(static_cast<std::size_t>(count))}; };
    CompileOptions options;
    const double full = ckks::Parameters(parameter_choices(limbs(21), 32, options).front()).log2_qp();
    double last = full;
    for (const int bits : {7, 6, 5, 4}) {
        options.weight_bits = bits;
        const auto literal = parameter_choices(limbs(21), 32, options).front();
        for (std::size_t i = 0; i < literal.chain.size(); ++i) {
            const double wanted = i < 2    ? 30
                                  : i == 2 ? 2 * options.log_scale - options.last_log_scale + bits
                                           : options.log_scale + bits;
            EXPECT_NEAR(std::log2(literal.chain[i]), std::min(30.0, wanted), 0.5) << bits << " bits, prime " << i;
        }
        const ckks::Parameters parameters(literal);
        EXPECT_EQ(parameters.security_bits(), 128);
        EXPECT_EQ(literal.special.size(), 7U);
        double special = 0;
        double digit = 0;
        for (const auto p : literal.special) special += std::log2(p);
        for (std::size_t i = 0; i < 7; ++i) digit += std::log2(literal.chain[i]);
        EXPECT_GE(special, digit) << "P is as large as the first digit";
        EXPECT_LT(special, digit + 7);
        EXPECT_LT(parameters.log2_qp(), last - 18) << "a bit for each of 18 primes at least";
        last = parameters.log2_qp();
    }
    options.weight_bits = 20;
    EXPECT_NEAR(ckks::Parameters(parameter_choices(limbs(21), 32, options).front()).log2_qp(), full, 1e-9);
    EXPECT_EQ(parameter_choices(limbs(27), 32, {}).front().log_degree, 16);
    options.weight_bits = 4;
    EXPECT_EQ(parameter_choices(limbs(27), 32, options).front().log_degree, 15);
}

TEST(Compile, FewerWeightBitsMakeSmallerWeights) {
    CompileOptions options = toy_options();
    options.merge_tiles = false;
    const auto largest = [](const plan::Plan& plan) {
        int result = 0;
        for (const plan::Operand& operand : plan.layers[1].operands)
            for (const auto weight : operand.weights) result = std::max(result, std::abs(static_cast<int>(weight)));
        return result;
    };
    const plan::Plan full = toy_plan("tiny-resnet", 2, options);
    options.weight_bits = 5;
    const plan::Plan few = toy_plan("tiny-resnet", 2, options);
    EXPECT_NEAR(largest(full) / 8.0, largest(few), 0.2 * largest(few) + 1);
    EXPECT_NEAR(std::log2(few.layers[1].rms), std::log2(full.layers[1].rms), 0.2) << "values keep their scale";
    EXPECT_EQ(few.layers.back().level, 2);
    const Explanation explanation = explain(few);
    EXPECT_NEAR(explanation.modulus.weight_bits, 6, 0.5) << "one of them out of the scale, in so small a ring";
    EXPECT_NEAR(explanation.modulus.full_log2_qp, explain(full).log2_qp, 1e-9);
    EXPECT_LT(explanation.log2_qp, explanation.modulus.full_log2_qp - 12);
    EXPECT_NE(to_text(explanation).find("bits saved"), std::string::npos);
    EXPECT_EQ(to_text(explain(full)).find("bits saved"), std::string::npos);
}

/// Few images, so that one changed class is too many: the fewest bits keep all of them.
TEST(Compile, FewestWeightBitsKeepTheClasses) {
    CompileOptions options = toy_options();
    options.weight_bits = fewest_weight_bits;
    const plan::Plan plan = toy_plan("tiny-resnet", 2, options);
    const io::Images images = testing::images(expected("tiny-resnet"), 8, 8, 2);
    ThreadPool pool(1);
    const auto classes = [&](const plan::RealNetwork& network) {
        return plan::best_classes(plan::PlainNetwork(network).scores(images, pool), 3);
    };
    plan::RealNetwork exact = import_network(model_path("tiny-resnet"));
    normalise_input(exact, images);
    EXPECT_EQ(classes(plan::real_network(plan)), classes(exact));
    const double bits = explain(plan).modulus.weight_bits;
    EXPECT_LT(bits, 7.5);
    options.weight_bits = static_cast<int>(std::lround(bits)) - 2;
    if (options.weight_bits < 2) return;
    bool kept = false;
    try {
        kept = classes(plan::real_network(toy_plan("tiny-resnet", 2, options))) == classes(exact);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::range) << error.what();
    }
    EXPECT_FALSE(kept) << "one bit less would have done";
}

TEST(Calibration, RolledImagesMoveByRows) {
    io::Images images{1, 3, 2, 1, {0, 1, 2, 3, 4, 5}, {}};
    EXPECT_EQ(rolled(images, 1).pixels, (std::vector<std::uint8_t>{2, 3, 4, 5, 0, 1}));
    EXPECT_EQ(rolled(images, 0).pixels, images.pixels);
}

TEST(Explain, CountsAndReports) {
    CompileOptions options = toy_options();
    options.merge_tiles = false;
    const plan::Plan plan = toy_plan("tiny-resnet", 2, options);
    const Explanation explanation = explain(plan);
    ASSERT_EQ(explanation.layers.size(), plan.layers.size());
    EXPECT_EQ(explanation.layers[0].ciphertexts_in, 2 * 8);
    EXPECT_EQ(explanation.layers[0].ciphertexts_out, 4 * 8);
    EXPECT_EQ(explanation.layers[0].rows, 18);
    EXPECT_GT(explanation.seconds, 0);
    // One polynomial of 7 limbs for each of the 16 input ciphertexts, 30 bits a residue.
    EXPECT_EQ(explanation.request_bytes, 16U * 7U * 1024U * 30U / 8U);
    EXPECT_EQ(explanation.response_bytes, 3U * 2U * 2U * 1024U * 30U / 8U);
    EXPECT_EQ(nlohmann::json::parse(to_json(explanation)).at("layers").size(), plan.layers.size());
    EXPECT_NE(to_text(explanation).find("NOT SECURE"), std::string::npos);
}

TEST(Simulate, ReportsAccuracyAndAgreement) {
    const plan::Plan plan = toy_plan("tiny-resnet", 2, toy_options());
    io::Images images = testing::images(expected("tiny-resnet"), 8, 8, 2);
    ThreadPool pool(1);
    const plan::PlainNetwork network(plan::real_network(plan));
    for (const int best : plan::best_classes(network.scores(images, pool), 3))
        images.labels.push_back(static_cast<std::uint8_t>(best));
    const Simulation simulation = simulate(plan, images, 1, 1);
    EXPECT_EQ(simulation.images, 4);
    EXPECT_EQ(simulation.accuracy_plain, 1);
    EXPECT_EQ(simulation.agreement, 1);
    EXPECT_GT(simulation.score_error_rms, 0);
    images.labels.clear();
    EXPECT_TRUE(nlohmann::json::parse(to_json(simulate(plan, images, 1, 1))).at("accuracy_plain").is_null());
}

/// The bundled network on bundled images: quantisation must cost next to nothing.
TEST(Compile, BundledNetworkKeepsItsAccuracy) {
    const std::string root = OBSCURA_SOURCE_DIR;
    const io::Images calibration = io::load_images(root + "/data/cifar10-calibration.webp", 32);
    const io::Images test = io::slice(io::load_images(root + "/data/cifar10-test-1024.webp", 32), 0, 256);
    CompileOptions options;
    const plan::Plan plan = compile(root + "/models/resnet20-cifar10.onnx", calibration, options);
    EXPECT_EQ(ckks::Parameters(plan.segments.front().parameters).security_bits(), 128);
    plan::RealNetwork real = import_network(root + "/models/resnet20-cifar10.onnx");
    normalise_input(real, calibration);
    ThreadPool pool(0);
    const auto exact = plan::best_classes(plan::PlainNetwork(real).scores(test, pool), 10);
    const auto quantised = plan::best_classes(plan::PlainNetwork(plan::real_network(plan)).scores(test, pool), 10);
    int same = 0;
    int right = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        same += exact[i] == quantised[i] ? 1 : 0;
        right += quantised[i] == test.labels[i] ? 1 : 0;
    }
    EXPECT_GE(same, 251) << "of 256";
    EXPECT_GE(right, 205) << "of 256";
    EXPECT_GE(simulate(plan, test, 1, 0).agreement, 0.98);
}

}  // namespace
}  // namespace obscura::compiler
