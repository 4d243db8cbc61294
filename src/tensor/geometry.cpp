#include "tensor/geometry.hpp"

#include <algorithm>

namespace obscura::tensor {

std::map<SourceColumn, std::set<int>> Geometry::needs(std::span<const int> columns) const {
    std::map<SourceColumn, std::set<int>> result;
    for (const int d : columns)
        for (const auto& term : terms[static_cast<std::size_t>(d)])
            result[{term.operand, term.column}].insert(term.shift);
    return result;
}

Geometry make_geometry(const plan::Layer& layer, const std::vector<plan::Layout>& sources, const plan::Layout& output) {
    Geometry geometry;
    geometry.terms.resize(static_cast<std::size_t>(output.columns()));
    for (int d = 0; d < output.columns(); ++d) {
        auto& terms = geometry.terms[static_cast<std::size_t>(d)];
        std::vector<std::vector<plan::Phase>> phases;
        for (std::size_t o = 0; o < layer.operands.size(); ++o)
            phases.push_back(plan::phases(sources[o], output, layer.operands[o].stride, d));
        for (std::size_t phase = 0; phase < phases.front().size(); ++phase)
            for (std::size_t o = 0; o < layer.operands.size(); ++o) {
                const auto& taps = layer.operands[o].taps;
                for (std::size_t tap = 0; tap < taps.size(); ++tap) {
                    const auto from = plan::neighbour(sources[o], phases[o][phase].centre, taps[tap]);
                    terms.push_back({static_cast<int>(o), static_cast<int>(tap), from.column, from.tile_shift,
                                     static_cast<int>(phase)});
                }
            }
        if (layer.merged_run == 0) continue;
        auto& masks = geometry.phase_masks.emplace_back();
        for (const auto& phase : phases.front()) {
            const auto found = std::find(geometry.masks.begin(), geometry.masks.end(), phase.tiles);
            masks.push_back(static_cast<int>(found - geometry.masks.begin()));
            if (found == geometry.masks.end()) geometry.masks.push_back(phase.tiles);
        }
    }
    return geometry;
}

}  // namespace obscura::tensor
