#pragma once

#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "plan/layout.hpp"

/// Which ciphertexts a linear layer reads, rotated by how much: everything that follows from layouts and taps alone.
namespace obscura::tensor {

/// A group of rows of the matrix product of one output column: all channels of one source column under one rotation,
/// multiplied with the weights of one (operand, tap).
struct Term {
    int operand = 0;
    int tap = 0;
    int column = 0;
    int shift = 0;  ///< tiles
    int phase = 0;  ///< of the output column; phases differ by their masks
    bool operator==(const Term&) const = default;
};

/// A source column of one operand.
using SourceColumn = std::pair<int, int>;  // (operand, column)

struct Geometry {
    std::vector<std::vector<Term>> terms;       ///< [output column], phases in order, operands in order, taps in order
    std::vector<std::vector<bool>> masks;       ///< [mask][tile]; empty unless the layer merges
    std::vector<std::vector<int>> phase_masks;  ///< [output column][phase] index into masks; empty unless it merges

    /// Phases of an output column: products that are masked and added up.
    int phases(int column) const {
        return masks.empty() ? 1 : static_cast<int>(phase_masks[static_cast<std::size_t>(column)].size());
    }

    /// Source columns that some output columns read, with the rotations of each.
    std::map<SourceColumn, std::set<int>> needs(std::span<const int> columns) const;
};

/// `sources`: layout of each operand's source, in the layer's order. A head has one output column per source column:
/// its sum over columns happens in the product.
Geometry make_geometry(const plan::Layer& layer, const std::vector<plan::Layout>& sources, const plan::Layout& output);

}  // namespace obscura::tensor
