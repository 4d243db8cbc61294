#include "tensor/geometry.hpp"

namespace obscura::tensor {

std::map<SourceColumn, std::set<int>> Geometry::needs(int first_column, int last_column) const {
    std::map<SourceColumn, std::set<int>> result;
    for (int d = first_column; d < last_column; ++d)
        for (const auto& term : terms[static_cast<std::size_t>(d)])
            result[{term.operand, term.column}].insert(term.shift);
    return result;
}

Geometry make_geometry(const plan::Layer& layer, const std::vector<plan::Layout>& sources, const plan::Layout& output) {
    Geometry geometry;
    geometry.terms.resize(static_cast<std::size_t>(output.columns()));
    for (int d = 0; d < output.columns(); ++d)
        for (std::size_t o = 0; o < layer.operands.size(); ++o) {
            const auto& operand = layer.operands[o];
            for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
                const auto position = plan::locate(sources[o], output, operand.stride, d, operand.taps[tap]);
                geometry.terms[static_cast<std::size_t>(d)].push_back(
                    {static_cast<int>(o), static_cast<int>(tap), position.column, position.tile_shift});
            }
        }
    return geometry;
}

}  // namespace obscura::tensor
