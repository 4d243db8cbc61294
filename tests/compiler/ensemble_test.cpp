#include "compiler/ensemble.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "compiler/compile.hpp"
#include "compiler/explain.hpp"
#include "compiler/onnx_fixture.hpp"
#include "compiler/passes.hpp"
#include "io/scratch.hpp"
#include "plan/members.hpp"
#include "plan/reference.hpp"
#include "tensor/memory_model.hpp"

namespace obscura::compiler {
namespace {

using obscura::testing::expect_error;
using testing::expected;
using testing::model_path;
using testing::toy_options;

plan::Plan toy_plan(const std::vector<std::string>& models, const CompileOptions& options) {
    std::vector<std::string> paths;
    for (const std::string& model : models) paths.push_back(model_path(model));
    return compile(paths, testing::images(expected("tiny-ensemble"), 8, 8, 2), options);
}

std::uint64_t peak(const plan::Plan& plan) {
    return tensor::plan_memory(plan, 0, 1).peak();
}

/// A network of one linear layer: that many classes of a raw image.
Graph classifier(int channels, int size, int classes) {
    Graph graph;
    graph.add(Node{Op::input, "image", channels, size, size, {}, {}});
    const int mean = graph.add(Node{Op::pixel_mean, "mean", channels, 1, 1, {}, {}, 0});
    const auto outputs = static_cast<std::size_t>(classes);
    Node scores{Op::linear, "scores", classes, 1, 1, {}, std::vector<double>(outputs, 0.5)};
    scores.terms.push_back({mean, channels, 1, {{0, 0}}, {}});
    for (std::size_t i = 0; i < outputs * static_cast<std::size_t>(channels); ++i)
        scores.terms.front().weights.push_back(static_cast<double>(i) - 1.5);
    graph.output = graph.add(std::move(scores));
    return graph;
}

TEST(Ensemble, GivesTheMeanOfItsMembers) {
    const auto want = expected("tiny-ensemble");
    const Graph one = import_onnx(model_path("tiny-resnet")).graph;
    const Graph other = import_onnx(model_path("tiny-ensemble")).graph;
    const Graph both = mean_of({one, other, one}, {"one", "other", "one again"});
    for (const auto& pixels : want.pixels) {
        const auto a = evaluate(one, pixels);
        const auto b = evaluate(other, pixels);
        const auto mean = evaluate(both, pixels);
        for (std::size_t o = 0; o < mean.size(); ++o) EXPECT_NEAR(mean[o], (2 * a[o] + b[o]) / 3, 1e-9);
    }
}

TEST(Ensemble, MembersMustAgree) {
    const Graph graph = classifier(2, 8, 3);
    expect_error(ErrorCode::usage, "first takes images of 8x8 pixels and 2 channels, second of 8x8 and 3", [&] {
        mean_of({graph, classifier(3, 8, 3)}, {"first", "second"});
    });
    expect_error(ErrorCode::usage, "second of 4x4 and 2", [&] {
        mean_of({graph, classifier(2, 4, 3)}, {"first", "second"});
    });
    expect_error(ErrorCode::usage, "first knows 3 classes, second 4", [&] {
        mean_of({graph, classifier(2, 8, 4)}, {"first", "second"});
    });
    expect_error(ErrorCode::usage, "no network", [] { import_models({}); });
    expect_error(ErrorCode::usage, "tiny-pool.onnx", [] {
        import_models({model_path("tiny-resnet"), model_path("tiny-pool")});
    });
}

/// Maps of 8x8 and of 4x4 pixels cannot be summed by one head.
TEST(Ensemble, MembersMustEndAlike) {
    Graph graph;
    graph.add(Node{Op::input, "image", 1, 8, 8, {}, {}});
    Node scores{Op::linear, "scores", 2, 1, 1, {}, {0, 0}};
    for (const int stride : {1, 2}) {
        Node conv{Op::linear, "conv", 1, 8 / stride, 8 / stride, {{0, 1, stride, {{0, 0}}, {1.0}}}, {0}};
        const int z = graph.add(conv);
        const int u = graph.add(Node{Op::square, "u", 1, conv.height, conv.width, {}, {}, z});
        const int mean = graph.add(Node{Op::pixel_mean, "mean", 1, 1, 1, {}, {}, u});
        scores.terms.push_back({mean, 1, 1, {{0, 0}}, {1.0, -1.0}});
    }
    graph.output = graph.add(scores);
    expect_error(ErrorCode::unsupported, "over 8x8 and over 4x4 pixels", [&] { lower(graph); });
}

/// Though the nodes of tiny-ensemble.onnx alternate between its members.
TEST(Ensemble, MembersRunOneAfterAnother) {
    const plan::Plan plan = toy_plan({"tiny-ensemble"}, toy_options());
    const std::vector<int> member = plan::members(plan);
    ASSERT_EQ(member.back(), -1);
    std::vector<int> squares(3);
    for (std::size_t i = 0; i + 1 < member.size(); ++i) {
        EXPECT_GE(member[i], i > 0 ? member[i - 1] : 0);
        if (plan.layers[i].finish == plan::Finish::square) ++squares.at(static_cast<std::size_t>(member[i]));
    }
    EXPECT_EQ(squares, std::vector<int>(3, 3));
    EXPECT_EQ(plan.layers.back().operands.size(), 3U);
    // one level an activation, as deep as one member
    EXPECT_EQ(plan.segments.front().parameters.chain.size(),
              toy_plan({"tiny-ensemble", "tiny-ensemble"}, toy_options()).parameters().chain.size());
}

/// Another member adds what is kept for it: the input while earlier members run, and its features at the end.
TEST(Ensemble, MemoryIsThatOfOneMember) {
    const plan::Plan one = toy_plan({"tiny-resnet"}, toy_options());
    const plan::Plan three = toy_plan({"tiny-resnet", "tiny-resnet", "tiny-resnet"}, toy_options());
    ASSERT_EQ(one.segments.front().parameters.chain, three.segments.front().parameters.chain);
    const std::uint64_t input = 2 * 8 * 2 * static_cast<unsigned>(one.layers.front().level);
    const std::uint64_t features = 6 * 2 * 2 * 2;  // channels, columns, polynomials, limbs
    EXPECT_LE(peak(three), peak(one) + input + 2 * features);
    EXPECT_GT(peak(three), peak(one));
}

TEST(Ensemble, OfDifferentDepths) {
    CompileOptions options = toy_options();
    const std::vector<std::string> models{"tiny-ensemble", "tiny-resnet"};
    expect_error(ErrorCode::unsupported, "without merging", [&] { toy_plan(models, options); });
    options.merge_tiles = false;
    const plan::Plan plan = toy_plan(models, options);
    const io::Images images = testing::images(expected("tiny-ensemble"), 8, 8, 2);
    ThreadPool pool(1);
    const auto scores = plan::PlainNetwork(plan::real_network(plan)).scores(images, pool);
    std::vector<std::string> paths;
    for (const auto& model : models) paths.push_back(model_path(model));
    const auto exact = plan::PlainNetwork(import_network(paths)).scores(images, pool);
    for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], exact[i], 0.1);
}

TEST(Ensemble, IsExplained) {
    const plan::Plan plan = toy_plan({"tiny-resnet", "tiny-resnet"}, toy_options());
    EXPECT_EQ(plan.model, "tiny-resnet + tiny-resnet");
    EXPECT_EQ(plan.layers.front().name, "member0.conv_14");
    const Explanation explanation = explain(plan);
    ASSERT_EQ(explanation.members.size(), 2U);
    for (const MemberExplanation& member : explanation.members)
        EXPECT_EQ(2 * member.layers + 1, static_cast<int>(plan.layers.size()));
    EXPECT_NEAR(
        explanation.members[0].seconds + explanation.members[1].seconds + explanation.layers.back().cost.seconds(),
        explanation.seconds, 1e-9);
    EXPECT_NE(to_text(explanation).find("ensemble: 2 networks"), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(to_json(explanation)).at("members").size(), 2U);
    EXPECT_EQ(to_text(explain(toy_plan({"tiny-resnet"}, toy_options()))).find("ensemble"), std::string::npos);
}

}  // namespace
}  // namespace obscura::compiler
