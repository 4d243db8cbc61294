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

/// The term for a sum over all pixels of its output: each tap of a cyclic convolution sees every pixel once, whatever
/// its offset, so that their weights add up to those of one.
Term summed(Term term, std::size_t outputs) {
    if (term.stride != 1 || term.padding == plan::Padding::zeros || term.taps.size() == 1) return term;
    const auto channels = static_cast<std::size_t>(term.channels);
    std::vector<double> weights(outputs * channels);
    for (std::size_t o = 0; o < outputs; ++o)
        for (std::size_t t = 0; t < term.taps.size(); ++t)
            for (std::size_t c = 0; c < channels; ++c)
                weights[o * channels + c] += term.weights[(o * term.taps.size() + t) * channels + c];
    term.taps = {plan::Tap{0, 0}};
    term.weights = std::move(weights);
    return term;
}

/// classifier(means over pixels of features) as one layer that is summed over the pixels; features[i] belongs to the
/// classifier's term i.
Node compose_head(const Node& classifier, const std::vector<Node>& features) {
    Node head = classifier;
    head.height = features.front().height;
    head.width = features.front().width;
    head.terms.clear();
    head.borders.clear();
    const auto classes = static_cast<std::size_t>(classifier.channels);
    const double pixels = head.height * head.width;
    for (std::size_t i = 0; i < features.size(); ++i) {
        const auto channels = static_cast<std::size_t>(features[i].channels);
        const std::vector<double>& weights = classifier.terms[i].weights;
        const auto sums = pixel_sums(features[i].bias, features[i].borders, head.height, head.width);
        for (std::size_t o = 0; o < classes; ++o)
            for (std::size_t m = 0; m < channels; ++m) head.bias[o] += weights[o * channels + m] * sums[m] / pixels;
        for (Term term : features[i].terms) {
            const std::size_t row = term.weights.size() / channels;
            std::vector<double> composed(classes * row);
            for (std::size_t o = 0; o < classes; ++o)
                for (std::size_t m = 0; m < channels; ++m)
                    for (std::size_t k = 0; k < row; ++k)
                        composed[o * row + k] += weights[o * channels + m] * term.weights[m * row + k] / pixels;
            term.weights = std::move(composed);
            head.terms.push_back(summed(std::move(term), classes));
        }
    }
    return head;
}

/// The nodes that the head depends on, network by network where it is an ensemble: what a term of the head needs comes
/// before what only later terms need, so that one member's tensors are in memory at a time.
std::vector<int> in_order_of_members(const Graph& graph, const Node& head) {
    std::vector<int> order;
    std::vector<bool> done(graph.nodes.size());
    for (const Term& term : head.terms) {
        const std::vector<bool> needed = reachable(graph, term.source);
        for (std::size_t i = 0; i < needed.size(); ++i) {
            if (!needed[i] || done[i]) continue;
            done[i] = true;
            order.push_back(static_cast<int>(i));
        }
    }
    return order;
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
    if (classifier.terms.empty()) fail(classifier.name + " reads nothing");
    std::vector<Node> features;
    for (const Term& term : classifier.terms) {
        const Node& mean = graph.node(term.source);
        if (mean.op != Op::pixel_mean) fail(fmt::format("{} does not read such a mean", classifier.name));
        features.push_back(as_linear(graph, mean.left));
        if (features.back().height != features.front().height || features.back().width != features.front().width)
            throw Error(ErrorCode::unsupported,
                        fmt::format("{} takes means over {}x{} and over {}x{} pixels; the members of an ensemble must "
                                    "end with maps of one size",
                                    classifier.name, features.front().height, features.front().width,
                                    features.back().height, features.back().width));
    }
    const Node head = compose_head(classifier, features);
    const std::vector<int> order = in_order_of_members(graph, head);
    std::vector<bool> layer_source(graph.nodes.size());
    const auto note_sources = [&](const Node& node) {
        for (const Term& term : node.terms) layer_source[static_cast<std::size_t>(term.source)] = true;
    };
    note_sources(head);
    for (const int i : order) note_sources(graph.node(i));

    const Node& input = graph.node(0);
    plan::RealNetwork network;
    network.input = {input.channels, input.height, input.width, {}, {}};
    network.input.mean.assign(static_cast<std::size_t>(input.channels), 0.0);
    network.input.factor.assign(static_cast<std::size_t>(input.channels), 1.0);
    std::vector<int> layer_of(graph.nodes.size(), -1);
    for (const int i : order) {
        const auto k = static_cast<std::size_t>(i);
        const Node& node = graph.node(i);
        const bool kept = node.op == Op::linear && layer_source[k];
        if (node.op == Op::input || (node.op == Op::linear && !kept)) continue;
        if (node.op != Op::square && !kept) fail(fmt::format("{} comes before the end", node.name));
        add_layer(network, layer_of, kept ? node : as_linear(graph, node.left),
                  kept ? plan::Finish::none : plan::Finish::square);
        layer_of[k] = static_cast<int>(network.layers.size()) - 1;
    }
    add_layer(network, layer_of, head, plan::Finish::head);
    return network;
}

}  // namespace obscura::compiler
