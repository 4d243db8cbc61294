#include "tensor/geometry.hpp"

#include <algorithm>
#include <cassert>

namespace obscura::tensor {

namespace {

using Tiles = std::vector<bool>;

bool any(const Tiles& tiles) {
    return std::find(tiles.begin(), tiles.end(), true) != tiles.end();
}

/// The phases of one output column of a masked layer, found by their tiles.
class Phases {
  public:
    /// `tiles` of the sources: those beyond the output's, which goes to a smaller ring then, stay empty.
    Phases(OutputColumn& column, std::vector<Tiles>& masks, int tiles)
        : column_(column), masks_(masks), tiles_(static_cast<std::size_t>(tiles)) {}

    int of(Tiles tiles) {
        tiles.resize(tiles_, false);
        const auto found = std::find(masks_.begin(), masks_.end(), tiles);
        const int mask = static_cast<int>(found - masks_.begin());
        if (found == masks_.end()) masks_.push_back(tiles);
        auto& phases = column_.phases;
        const auto phase =
            std::find_if(phases.begin(), phases.end(), [&](const ColumnPhase& p) { return p.mask == mask; });
        const int index = static_cast<int>(phase - phases.begin());
        if (phase == phases.end()) phases.push_back({mask, {}});
        return index;
    }

  private:
    OutputColumn& column_;
    std::vector<Tiles>& masks_;
    std::size_t tiles_;
};

/// What is read of an operand that may be an addend; nothing if it is rotated.
std::optional<Addend> as_addend(int operand, const plan::Operand& of, const plan::Layout& source,
                                const plan::Layout& output) {
    Addend result{operand, {}};
    for (int d = 0; d < output.columns(); ++d) {
        const auto reads = plan::reads(source, output, of, d);
        if (reads.size() != 1 || reads.front().from.tile_shift != 0) return {};
        result.columns.push_back(reads.front().from.column);
    }
    return result;
}

}  // namespace

std::map<SourceColumn, std::set<int>> Geometry::needs(std::span<const int> columns) const {
    std::map<SourceColumn, std::set<int>> result;
    for (const int d : columns)
        for (const auto& term : terms[static_cast<std::size_t>(d)])
            result[{term.operand, term.column}].insert(term.shift);
    return result;
}

LastUses Geometry::last_uses(std::span<const int> columns) const {
    LastUses result;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto d = static_cast<std::size_t>(columns[i]);
        for (const auto& term : terms[d]) result.read({term.operand, term.column}, i);
        if (addend) result.read({addend->operand, addend->columns[d]}, i);
    }
    return result;
}

Geometry make_geometry(const plan::Layer& layer, const std::vector<plan::Layout>& sources, const plan::Layout& output) {
    Geometry geometry;
    geometry.terms.resize(static_cast<std::size_t>(output.columns()));
    geometry.output_columns.resize(geometry.terms.size());
    const Tiles all(static_cast<std::size_t>(output.tiles), true);
    if (!layer.masked && layer.finish != plan::Finish::head)
        for (std::size_t o = 0; o < layer.operands.size() && !geometry.addend; ++o)
            if (plan::is_diagonal(layer.operands[o], layer.out_channels))
                geometry.addend = as_addend(static_cast<int>(o), layer.operands[o], sources[o], output);
    for (int d = 0; d < output.columns(); ++d) {
        auto& terms = geometry.terms[static_cast<std::size_t>(d)];
        auto& column = geometry.output_columns[static_cast<std::size_t>(d)];
        Phases phases(column, geometry.masks, sources.front().tiles);
        if (!layer.masked) column.phases.resize(1);
        for (std::size_t o = 0; o < layer.operands.size(); ++o) {
            if (geometry.addend && geometry.addend->operand == static_cast<int>(o)) continue;
            for (const auto& read : plan::reads(sources[o], output, layer.operands[o], d)) {
                assert(layer.masked || read.tiles == all);
                terms.push_back({static_cast<int>(o), read.tap, read.from.column, read.from.tile_shift,
                                 layer.masked ? phases.of(read.tiles) : 0});
            }
        }
        for (std::size_t b = 0; b < layer.borders.size(); ++b) {
            const auto& border = layer.borders[b];
            const Tiles inside = plan::inside_tiles(output, border.tap, border.stride, d);
            if (inside == all) continue;
            column.borders.push_back(static_cast<int>(b));
            if (!any(inside)) continue;
            assert(layer.masked);
            column.phases[static_cast<std::size_t>(phases.of(inside))].borders.push_back(static_cast<int>(b));
        }
        if (column.phases.empty()) phases.of(all);  // nothing is read: a product of no terms
        std::stable_sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) { return a.phase < b.phase; });
    }
    return geometry;
}

}  // namespace obscura::tensor
