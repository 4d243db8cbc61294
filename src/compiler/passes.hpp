#pragma once

#include "compiler/graph.hpp"
#include "plan/real_network.hpp"

/// The passes between import and quantisation. Each keeps the network's meaning exactly (in real arithmetic).
namespace obscura::compiler {

/// Replaces every polynomial of degree two of one tensor, however it is spelled (a product, plus scaled copies, plus
/// constants), by a pure square between two channel scalings:
///     a z^2 + b z + c = a v^2 + (c - b^2 / 4a),   v = z + b / 2a.
/// Throws Error(unsupported) listing products of different tensors and channels where a is zero but b is not.
Graph complete_squares(const Graph& graph);

/// Composes linear nodes that read linear nodes: normalisations, leading coefficients a and constants k of completed
/// squares, shortcuts and residual additions all end up in the weights and bias of one layer. What cannot be composed
/// (a convolution of a pooled tensor) keeps the pooling as a layer of integer weights.
/// Throws Error(unsupported) if two convolutions follow each other and cannot be made one.
Graph merge_linear(const Graph& graph);

/// The alternation of linear layers and squares that is left, with the classifier moved into a head that sums over
/// pixels. A classifier that is a sum of classifiers, as merge_linear leaves the mean of an ensemble's scores, becomes
/// one head that reads every member's features; the members' layers follow one another. The input encoding is the
/// identity. Throws Error(unsupported) if the network does not end with a mean over all pixels and a classifier, or
/// members' features differ in height or width.
plan::RealNetwork lower(const Graph& graph);

}  // namespace obscura::compiler
