#include <fmt/format.h>

#include "base/error.hpp"
#include "compiler/constants.hpp"
#include "compiler/passes.hpp"

namespace obscura::compiler {
namespace {

Node identity(const Graph& graph, int index) {
    const auto channels = static_cast<std::size_t>(graph.node(index).channels);
    return channel_affine(graph, index, std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0),
                          graph.node(index).name);
}

/// The linear node at `index`, or the identity on whatever is there.
Node as_linear(const Graph& graph, int index) {
    return graph.node(index).op == Op::linear ? graph.node(index) : identity(graph, index);
}

/// Every linear term reads the input, a square, or a linear node kept as a layer of its own.
void add_layer(plan::RealNetwork& network, const std::vector<int>& layer_of, const Node& linear, plan::Finish finish) {
    plan::RealLayer layer{linear.name,  finish,       linear.channels, linear.height,
                          linear.width, linear.terms, linear.bias,     linear.borders};
    if (finish == plan::Finish::none) layer.bias.clear();
    for (plan::RealOperand& operand : layer.operands)
        operand.source = layer_of[static_cast<std::size_t>(operand.source)];
    network.layers.push_back(std::move(layer));
}

/// classifier(mean over pixels of features) as one layer that is summed over the pixels.
Node compose_head(const Node& classifier, const Node& features) {
    Node head = features;
    head.name = classifier.name;
    head.channels = classifier.channels;
    head.bias = classifier.bias;
    const auto classes = static_cast<std::size_t>(classifier.channels);
    const auto channels = static_cast<std::size_t>(features.channels);
    const std::vector<double>& weights = classifier.terms.front().weights;
    const double pixels = features.height * features.width;
    const auto sums = pixel_sums(features.bias, features.borders, features.height, features.width);
    head.borders.clear();
    for (std::size_t o = 0; o < classes; ++o)
        for (std::size_t m = 0; m < channels; ++m) head.bias[o] += weights[o * channels + m] * sums[m] / pixels;
    for (Term& term : head.terms) {
        const std::size_t row = term.weights.size() / channels;
        std::vector<double> composed(classes * row);
        for (std::size_t o = 0; o < classes; ++o)
            for (std::size_t m = 0; m < channels; ++m)
                for (std::size_t k = 0; k < row; ++k)
                    composed[o * row + k] += weights[o * channels + m] * term.weights[m * row + k] / pixels;
        term.weights = std::move(composed);
    }
    return head;
}

}  // namespace

plan::RealNetwork lower(const Graph& graph) {
    const Node classifier = as_linear(graph, graph.output);
    const auto fail = [&](const std::string& what) {
        throw Error(ErrorCode::unsupported,
                    "the network must end with a mean over all pixels (GlobalAveragePool) and a "
                    "classifier (Gemm): " +
                        what);
    };
    if (classifier.terms.size() != 1)
        fail(fmt::format("{} reads {} tensors", classifier.name, classifier.terms.size()));
    const Node& mean = graph.node(classifier.terms.front().source);
    if (mean.op != Op::pixel_mean) fail(fmt::format("{} does not read such a mean", classifier.name));
    const Node features = as_linear(graph, mean.left);

    Graph body = graph;
    body.output = body.add(features);
    const std::vector<bool> needed = reachable(body);
    std::vector<bool> layer_source(body.nodes.size());
    for (std::size_t i = 0; i < body.nodes.size(); ++i)
        if (needed[i])
            for (const Term& term : body.nodes[i].terms) layer_source[static_cast<std::size_t>(term.source)] = true;

    const Node& input = graph.node(0);
    plan::RealNetwork network;
    network.input = {input.channels, input.height, input.width, {}, {}};
    network.input.mean.assign(static_cast<std::size_t>(input.channels), 0.0);
    network.input.factor.assign(static_cast<std::size_t>(input.channels), 1.0);
    std::vector<int> layer_of(body.nodes.size(), -1);
    for (int i = 1; i < body.output; ++i) {
        const auto k = static_cast<std::size_t>(i);
        const Node& node = body.node(i);
        const bool kept = node.op == Op::linear && layer_source[k];
        if (!needed[k] || (node.op == Op::linear && !kept)) continue;
        if (node.op != Op::square && !kept) fail(fmt::format("{} comes before the end", node.name));
        add_layer(network, layer_of, kept ? node : as_linear(body, node.left),
                  kept ? plan::Finish::none : plan::Finish::square);
        layer_of[k] = static_cast<int>(network.layers.size()) - 1;
    }
    add_layer(network, layer_of, compose_head(classifier, features), plan::Finish::head);
    return network;
}

}  // namespace obscura::compiler
