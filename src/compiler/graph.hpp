#pragma once

#include <string>
#include <vector>

#include "plan/real_network.hpp"

/// The compiler's own form of a network. Everything linear is one kind of node, so that folding normalisations,
/// shortcuts and poolings into convolutions are all the same operation: composing two linear nodes.
namespace obscura::compiler {

enum class Op {
    input,       ///< raw pixels, 0..255
    linear,      ///< sum of convolutions of earlier nodes, plus a bias
    multiply,    ///< product of two nodes, pixel by pixel
    square,      ///< square of one node
    pixel_mean,  ///< mean over all pixels, leaving one
};

/// A convolution of `source` (a node's index) as in plan::RealOperand.
using Term = plan::RealOperand;

struct Node {
    Op op = Op::input;
    std::string name;
    int channels = 0;
    int height = 1;
    int width = 1;
    std::vector<Term> terms;                 ///< Op::linear
    std::vector<double> bias;                ///< Op::linear, [channels]
    int left = -1;                           ///< operand of the other operations
    int right = -1;                          ///< second operand of Op::multiply
    std::vector<plan::Border> borders = {};  ///< Op::linear; the image has stride*height x stride*width pixels
};

/// Nodes in an order of evaluation: every node only reads earlier ones. Node 0 is the input.
struct Graph {
    std::vector<Node> nodes;
    int output = -1;

    int add(Node node);
    const Node& node(int index) const { return nodes[static_cast<std::size_t>(index)]; }
};

/// scale[c] * source[c] + shift[c], of the same shape as the source.
Node channel_affine(const Graph& graph, int source, const std::vector<double>& scale, const std::vector<double>& shift,
                    std::string name);

/// A diagonal one-tap term: each channel times a number.
Term channel_scale(int source, const std::vector<double>& scale);

/// Whether a term only scales channels (one centre tap, stride 1, diagonal weights).
bool is_channel_scale(const Term& term, int out_channels);

/// Indices of all nodes that a node reads.
std::vector<int> sources(const Node& node);

/// Which nodes a node depends on, itself included.
std::vector<bool> reachable(const Graph& graph, int index);

/// Plain evaluation in double, slowly: the meaning of a graph, for tests and for comparing passes. `pixels` is
/// [channels][height*width] of the input; returns the output node's values in the same form.
std::vector<double> evaluate(const Graph& graph, const std::vector<double>& pixels);

}  // namespace obscura::compiler
