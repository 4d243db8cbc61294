#pragma once

#include <map>
#include <optional>
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

/// The terms of an output column that the same tiles take: a product that is masked and added to those of the other
/// phases. Constants go with it, so that a mask multiplies the small sum of both and its errors are small, too.
struct ColumnPhase {
    int mask = 0;              ///< index into Geometry::masks
    std::vector<int> borders;  ///< of the layer, those whose tap is inside of the image exactly here
};

/// An output column.
struct OutputColumn {
    std::vector<ColumnPhase> phases;  ///< one, with neither mask nor borders, unless the layer is masked
    std::vector<int> borders;         ///< of the layer, those whose tap is outside of the image in some tile
};

/// A shortcut that is added to the product's sums when these are divided, channel by channel, and so needs neither
/// digits nor a place in the product.
struct Addend {
    int operand = 0;
    std::vector<int> columns;  ///< [output column] the source column
};

/// When each source column is read for the last time, where output columns are computed in a given order.
class LastUses {
  public:
    void read(SourceColumn column, std::size_t index) { last_[column] = index; }  ///< indices must not decrease

    /// Whether the output column at `index` of the order, or one behind it, reads this source column.
    bool is_read_from(SourceColumn column, std::size_t index) const {
        const auto use = last_.find(column);
        return use != last_.end() && use->second >= index;
    }

  private:
    std::map<SourceColumn, std::size_t> last_;
};

struct Geometry {
    std::vector<std::vector<Term>> terms;      ///< [output column], phases in order, operands in order, taps in order
    std::vector<OutputColumn> output_columns;  ///< [output column]
    std::vector<std::vector<bool>> masks;      ///< [mask][tile]; empty unless the layer is masked
    std::optional<Addend> addend;              ///< its operand has no terms

    int phases(int column) const {
        return static_cast<int>(output_columns[static_cast<std::size_t>(column)].phases.size());
    }

    /// Source columns that the products of some output columns read, with the rotations of each.
    std::map<SourceColumn, std::set<int>> needs(std::span<const int> columns) const;

    /// When some output columns, computed in this order, read their source columns last.
    LastUses last_uses(std::span<const int> columns) const;
};

/// `sources`: layout of each operand's source, in the layer's order. With the shifts of a column's borders added to the
/// bias of all its tiles, a phase's borders are to be taken back where its mask is one. A head has one output column
/// per source column: its sum over columns happens in the product. The addend is the first diagonal operand
/// (plan::is_diagonal) that is not rotated, unless the layer is masked or a head.
Geometry make_geometry(const plan::Layer& layer, const std::vector<plan::Layout>& sources, const plan::Layout& output);

}  // namespace obscura::tensor
