#include "compiler/passes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compiler/pixel_map.hpp"
#include "io/scratch.hpp"

namespace obscura::compiler {
namespace {

using obscura::testing::expect_error;

std::vector<double> numbers(std::size_t count) {
    return *rc::gen::container<std::vector<double>>(
        count, rc::gen::map(rc::gen::inRange(-100, 101), [](int x) { return x / 64.0; }));
}

/// One convolution of the input; taps within one pixel.
Node convolution(const Graph& graph, int source, int channels, int stride, std::vector<plan::Tap> taps) {
    const Node& from = graph.node(source);
    Node node{Op::linear,
              "conv",
              channels,
              from.height / stride,
              from.width / stride,
              {},
              numbers(static_cast<std::size_t>(channels))};
    const std::size_t count = static_cast<std::size_t>(channels * from.channels) * taps.size();
    node.terms.push_back({source, from.channels, stride, std::move(taps), numbers(count)});
    return node;
}

Graph with_input(int channels, int size) {
    Graph graph;
    graph.output = graph.add(Node{Op::input, "image", channels, size, size, {}, {}});
    return graph;
}

Node binary(const Graph& graph, Op op, int left, int right) {
    const Node& like = graph.node(left);
    return Node{op, "node", like.channels, like.height, like.width, {}, {}, left, right};
}

void expect_same(const Graph& a, const Graph& b) {
    const Node& input = a.node(0);
    const auto pixels = numbers(static_cast<std::size_t>(input.channels * input.height * input.width));
    const auto x = evaluate(a, pixels);
    const auto y = evaluate(b, pixels);
    RC_ASSERT(x.size() == y.size());
    for (std::size_t i = 0; i < x.size(); ++i) RC_ASSERT(std::abs(x[i] - y[i]) <= 1e-6 * (1 + std::abs(x[i])));
}

RC_GTEST_PROP(MergeLinear, ComposesRandomChains, ()) {
    const std::vector<plan::Tap> cross{{0, 0}, {-1, 0}, {0, 1}, {1, -1}};
    Graph graph = with_input(2, 4);
    int last = 0;
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) last = graph.add(convolution(graph, last, 2, 1, cross));
    if (*rc::gen::arbitrary<bool>()) last = graph.add(convolution(graph, last, 3, 2, cross));
    const int skip = graph.add(convolution(graph, last, 3, 1, {{0, 0}}));
    Node sum = convolution(graph, last, 3, 1, {{0, 0}});
    sum.terms.push_back(channel_scale(skip, numbers(3)));
    graph.output = graph.add(sum);
    const Graph merged = merge_linear(graph);
    expect_same(graph, merged);
    for (const Term& term : merged.node(merged.output).terms) RC_ASSERT(term.source == 0);
    RC_ASSERT(merged.node(merged.output).terms.size() == 1U);
}

RC_GTEST_PROP(CompleteSquares, FindsQuadraticsHoweverSpelled, ()) {
    Graph graph = with_input(2, 2);
    const int z = graph.add(convolution(graph, 0, 2, 1, {{0, 0}, {0, 1}}));
    const auto positive = [] {
        return std::vector<double>{*rc::gen::inRange(1, 9) / 4.0, *rc::gen::inRange(1, 9) / -4.0};
    };
    const int x = graph.add(channel_affine(graph, z, positive(), numbers(2), "x"));
    const int y = graph.add(channel_affine(graph, x, positive(), numbers(2), "y"));
    const int product = graph.add(binary(graph, Op::multiply, x, y));
    Node sum = channel_affine(graph, product, positive(), numbers(2), "sum");
    sum.terms.push_back(channel_scale(z, numbers(2)));
    graph.output = graph.add(sum);
    const Graph squares = complete_squares(graph);
    expect_same(graph, squares);
    int count = 0;
    for (const Node& node : squares.nodes) count += node.op == Op::square ? 1 : 0;
    RC_ASSERT(count == 1);
}

TEST(CompleteSquares, ListsProductsAndLinearChannels) {
    Graph graph = with_input(2, 2);
    Node x = channel_affine(graph, 0, {1, 1}, {0, 0}, "x");
    const int square = graph.add(binary(graph, Op::multiply, 0, 0));
    Node sum = channel_affine(graph, square, {1, 0}, {0, 0}, "activation");
    sum.terms.push_back(channel_scale(0, {1, 1}));
    graph.output = graph.add(sum);
    expect_error(ErrorCode::unsupported, "activation, channel 1", [&] { complete_squares(graph); });

    Graph other = with_input(1, 2);
    Node shifted{Op::linear, "shifted", 1, 2, 2, {{0, 1, 1, {plan::Tap{0, 1}}, {1.0}}}, {0}};
    other.output = other.add(binary(other, Op::multiply, 0, other.add(shifted)));
    expect_error(ErrorCode::unsupported, "two different tensors", [&] { complete_squares(other); });
}

/// Zero-padded convolutions take scalings before and after them, biases included, and residual sums.
RC_GTEST_PROP(MergeLinear, MovesConstantsThroughZeroPadding, ()) {
    const std::vector<plan::Tap> cross{{0, 0}, {-1, 0}, {0, 1}, {1, -1}};
    Graph graph = with_input(2, 4);
    const int before = graph.add(channel_affine(graph, 0, numbers(2), numbers(2), "before"));
    const int stride = *rc::gen::inRange(1, 3);
    Node padded = convolution(graph, before, 3, stride, cross);
    padded.terms[0].padding = plan::Padding::zeros;
    const int branch = graph.add(padded);
    const int skip = graph.add(convolution(graph, before, 3, stride, {{0, 0}}));
    Node sum = channel_affine(graph, branch, numbers(3), numbers(3), "sum");
    sum.terms.push_back(channel_scale(skip, numbers(3)));
    int last = graph.add(sum);
    const bool pool = stride == 1 && *rc::gen::arbitrary<bool>();
    if (pool) last = graph.add(convolution(graph, last, 3, 2, {{0, 0}, {0, 1}, {1, 0}, {1, 1}}));
    graph.output = last;
    const Graph merged = merge_linear(graph);
    expect_same(graph, merged);
    for (const Term& term : merged.node(merged.output).terms) RC_ASSERT(term.source == 0);
    RC_ASSERT(merged.node(merged.output).terms.size() == 1U);
}

TEST(MergeLinear, ZeroPaddingIsNotComposed) {
    for (const auto& [outer, inner] : {std::pair{plan::Padding::zeros, plan::Padding::raster},
                                       std::pair{plan::Padding::raster, plan::Padding::zeros},
                                       std::pair{plan::Padding::zeros, plan::Padding::zeros}}) {
        Graph graph = with_input(1, 4);
        Node first{Op::linear, "first", 1, 4, 4, {{0, 1, 1, {{0, 0}, {0, 1}}, {1.0, 0.3}, inner}}, {0}};
        const int middle = graph.add(first);
        Node second{Op::linear, "second", 1, 4, 4, {{middle, 1, 1, {{0, 0}, {0, 1}}, {1.0, 1.0}, outer}}, {0}};
        graph.output = graph.add(second);
        expect_error(ErrorCode::unsupported, "second reads first", [&] { merge_linear(graph); });
    }
}

/// Offsets only add up on one torus.
TEST(MergeLinear, PaddingsOfDifferentWrapAreNotComposed) {
    const std::vector<double> pixels{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
    for (const int wrap : {1, 2}) {
        Graph graph = with_input(1, 4);
        const std::vector<plan::Tap> taps{{0, 0}, {0, 1}};
        const int middle = graph.add({Op::linear, "first", 1, 4, 4, {{0, 1, 1, taps, {1.0, 0.3}, {2}}}, {0}});
        graph.output = graph.add({Op::linear, "second", 1, 4, 4, {{middle, 1, 1, taps, {1.0, 1.0}, {wrap}}}, {0}});
        if (wrap == 2) {
            const Graph merged = merge_linear(graph);
            EXPECT_EQ(merged.node(merged.output).terms.front().padding, plan::Padding{2});
            const auto found = evaluate(merged, pixels), expected = evaluate(graph, pixels);
            for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12);
        } else {
            expect_error(ErrorCode::unsupported, "second reads first", [&] { merge_linear(graph); });
        }
    }
}

TEST(MergeLinear, RefusesConvolutionsThatCannotBeOne) {
    Graph graph = with_input(1, 4);
    Node strided{Op::linear, "strided", 1, 2, 2, {{0, 1, 2, {plan::Tap{0, 0}, plan::Tap{0, 1}}, {1.0, 0.3}}}, {0}};
    const int first = graph.add(strided);
    Node second{Op::linear, "second", 1, 2, 2, {{first, 1, 1, {plan::Tap{0, 0}, plan::Tap{0, 1}}, {1.0, 1.0}}}, {0}};
    graph.output = graph.add(second);
    expect_error(ErrorCode::unsupported, "second reads strided", [&] { merge_linear(graph); });
}

TEST(Lower, NeedsAMeanAndAClassifier) {
    Graph graph = with_input(1, 4);
    graph.output = graph.add(channel_affine(graph, 0, {1}, {0}, "scores"));
    expect_error(ErrorCode::unsupported, "GlobalAveragePool", [&] { lower(graph); });
}

TEST(PixelMap, KernelTapsAreCheckedOnEveryPixel) {
    const PixelMap image = PixelMap::identity(4, 4);
    const auto same = kernel_taps(image, 4, 4, {1, 1, 1});
    ASSERT_FALSE(same.problem);
    EXPECT_EQ(same.taps, std::vector{std::optional(plan::Tap{})});
    EXPECT_EQ(same.padding, plan::Padding::raster);
    EXPECT_EQ(kernel_taps(image, 4, 4, {3, 3, 1}).problem, TapProblem::size);
    const auto zeros = kernel_taps(image.pad_zeros(1, 0, 0, 1), 4, 4, {2, 2, 1});
    ASSERT_FALSE(zeros.problem);
    EXPECT_EQ(zeros.padding, plan::Padding::zeros);
    EXPECT_EQ(zeros.taps, (std::vector<std::optional<plan::Tap>>{{{-1, 0}}, {{-1, 1}}, {{0, 0}}, {{0, 1}}}));
    const auto far = kernel_taps(image.pad_zeros(0, 4, 0, 4), 4, 4, {1, 3, 1, 1, 4});
    EXPECT_EQ(far.taps, (std::vector<std::optional<plan::Tap>>{std::nullopt, {{0, 0}}, std::nullopt}));
    const PixelMap half = image.pad_zeros(0, 1, 0, 0);
    EXPECT_EQ(kernel_taps(*half.concatenate(image.slice(false, 0, 1, 1), false), 4, 4, {1, 3, 1}).problem,
              TapProblem::not_cyclic)
        << "zeros on one side, wrapped on the other";
    const PixelMap right = *image.concatenate(image.slice(false, 0, 1, 1), false);
    const auto circular = kernel_taps(right, 4, 4, {1, 2, 1});
    ASSERT_FALSE(circular.problem) << "wrapping a row to itself is wrapping by the whole height";
    EXPECT_EQ(circular.padding, plan::Padding{4});
    const PixelMap down = *image.concatenate(image.slice(true, 0, 1, 1), true);
    const auto vertical = kernel_taps(down, 4, 4, {2, 1, 1});
    ASSERT_FALSE(vertical.problem) << "wrapping whole rows is raster order";
    EXPECT_EQ(vertical.taps, (std::vector<std::optional<plan::Tap>>{{{0, 0}}, {{1, 0}}}));
}

TEST(PixelMap, SlicesAsPythonDoes) {
    const PixelMap image = PixelMap::identity(2, 5);
    EXPECT_EQ(image.slice(false, -2, INT64_MAX, 1).source, (std::vector<int>{3, 4, 8, 9}));
    EXPECT_EQ(image.slice(false, 0, -1, 2).source, (std::vector<int>{0, 2, 5, 7}));
    EXPECT_EQ(image.slice(true, 1, 9, 1).source, (std::vector<int>{5, 6, 7, 8, 9}));
    EXPECT_TRUE(image.slice(true, 3, 9, 1).source.empty());
    EXPECT_FALSE(image.concatenate(PixelMap::identity(3, 5), false));
}

}  // namespace
}  // namespace obscura::compiler
