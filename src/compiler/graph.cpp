#include "compiler/graph.hpp"

#include <cassert>

namespace obscura::compiler {
namespace {

using Values = std::vector<double>;

void add_term(const Graph& graph, const Node& node, const Term& term, const std::vector<Values>& values, Values& sum) {
    const Node& source = graph.node(term.source);
    const Values& x = values[static_cast<std::size_t>(term.source)];
    const int pixels = source.height * source.width;
    std::size_t k = 0;
    for (int o = 0; o < node.channels; ++o)
        for (const plan::Tap& tap : term.taps)
            for (int c = 0; c < term.channels; ++c) {
                const double weight = term.weights[k++];
                if (weight == 0) continue;
                for (int p = 0; p < node.height * node.width; ++p) {
                    const int row = p / node.width, column = p % node.width;
                    if (term.padding == plan::Padding::zeros &&
                        !plan::is_inside(tap, term.stride, row, column, node.height, node.width))
                        continue;
                    const int from = plan::cyclic_pixel(term.stride * row + tap.dy, term.stride * column + tap.dx,
                                                        source.height, source.width, term.padding.wrap);
                    sum[static_cast<std::size_t>(o * node.height * node.width + p)] +=
                        weight * x[static_cast<std::size_t>(c * pixels + from)];
                }
            }
}

Values evaluate_node(const Graph& graph, const Node& node, const std::vector<Values>& values) {
    const auto pixels = static_cast<std::size_t>(node.height * node.width);
    Values result(static_cast<std::size_t>(node.channels) * pixels);
    const auto at = [&](int index) -> const Values& { return values[static_cast<std::size_t>(index)]; };
    switch (node.op) {
        case Op::input:
            assert(false);
            break;
        case Op::linear:
            for (std::size_t i = 0; i < result.size(); ++i) result[i] = node.bias[i / pixels];
            for (const Term& term : node.terms) add_term(graph, node, term, values, result);
            for (const plan::Border& border : node.borders)
                for (const int p : plan::outside_pixels(border.tap, border.stride, node.height, node.width))
                    for (std::size_t o = 0; o < border.shift.size(); ++o)
                        result[o * pixels + static_cast<std::size_t>(p)] += border.shift[o];
            break;
        case Op::multiply:
            for (std::size_t i = 0; i < result.size(); ++i) result[i] = at(node.left)[i] * at(node.right)[i];
            break;
        case Op::square:
            for (std::size_t i = 0; i < result.size(); ++i) result[i] = at(node.left)[i] * at(node.left)[i];
            break;
        case Op::pixel_mean: {
            const std::size_t count = at(node.left).size() / result.size();
            for (std::size_t i = 0; i < at(node.left).size(); ++i)
                result[i / count] += at(node.left)[i] / static_cast<double>(count);
            break;
        }
    }
    return result;
}

}  // namespace

int Graph::add(Node node) {
    nodes.push_back(std::move(node));
    return static_cast<int>(nodes.size()) - 1;
}

Term channel_scale(int source, const std::vector<double>& scale) {
    Term term{source, static_cast<int>(scale.size()), 1, {plan::Tap{0, 0}}, {}};
    term.weights.assign(scale.size() * scale.size(), 0.0);
    for (std::size_t c = 0; c < scale.size(); ++c) term.weights[c * scale.size() + c] = scale[c];
    return term;
}

Node channel_affine(const Graph& graph, int source, const std::vector<double>& scale, const std::vector<double>& shift,
                    std::string name) {
    const Node& from = graph.node(source);
    assert(scale.size() == static_cast<std::size_t>(from.channels) && shift.size() == scale.size());
    return Node{Op::linear, std::move(name), from.channels, from.height, from.width, {channel_scale(source, scale)},
                shift};
}

bool is_channel_scale(const Term& term, int out_channels) {
    if (term.stride != 1 || term.taps != std::vector{plan::Tap{0, 0}} || term.channels != out_channels) return false;
    const auto channels = static_cast<std::size_t>(out_channels);
    for (std::size_t o = 0; o < channels; ++o)
        for (std::size_t c = 0; c < channels; ++c)
            if (o != c && term.weights[o * channels + c] != 0) return false;
    return true;
}

std::vector<int> sources(const Node& node) {
    std::vector<int> result;
    for (const Term& term : node.terms) result.push_back(term.source);
    if (node.left >= 0) result.push_back(node.left);
    if (node.right >= 0) result.push_back(node.right);
    return result;
}

std::vector<bool> reachable(const Graph& graph, int index) {
    std::vector<bool> result(graph.nodes.size());
    result[static_cast<std::size_t>(index)] = true;
    for (int i = index; i >= 0; --i)
        if (result[static_cast<std::size_t>(i)])
            for (const int source : sources(graph.node(i))) result[static_cast<std::size_t>(source)] = true;
    return result;
}

std::vector<double> evaluate(const Graph& graph, const std::vector<double>& pixels) {
    std::vector<Values> values{pixels};
    for (std::size_t i = 1; i < graph.nodes.size(); ++i) values.push_back(evaluate_node(graph, graph.nodes[i], values));
    return values[static_cast<std::size_t>(graph.output)];
}

}  // namespace obscura::compiler
