#include "tensor/column_uses.hpp"

#include <algorithm>

namespace obscura::tensor {

namespace {

/// [columns] of a map: whether layers from `layer` on read one in a way that `counts`.
template <class Counts>
std::vector<bool> columns_with(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map,
                               std::size_t layer, Counts counts) {
    const auto& source = layouts[static_cast<std::size_t>(map)];
    std::vector<bool> result(static_cast<std::size_t>(source.columns()), false);
    for (std::size_t i = layer; i < plan.layers.size(); ++i)
        for (const auto& operand : plan.layers[i].operands) {
            if (operand.source + 1 != map) continue;
            for (int d = 0; d < layouts[i + 1].columns(); ++d)
                for (const auto& taken : plan::reads(source, layouts[i + 1], operand, d))
                    if (counts(taken.from)) result[static_cast<std::size_t>(taken.from.column)] = true;
        }
    return result;
}

}  // namespace

std::vector<bool> columns_read_from(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map,
                                    std::size_t layer) {
    return columns_with(plan, layouts, map, layer, [](const plan::SourcePosition&) { return true; });
}

int level_read_from(const plan::Plan& plan, int map, std::size_t layer) {
    int level = 0;
    for (std::size_t i = layer; i < plan.layers.size(); ++i)
        for (const auto& operand : plan.layers[i].operands)
            if (operand.source + 1 == map) level = std::max(level, plan.layers[i].level);
    return level;
}

std::vector<bool> columns_rotated(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map) {
    return columns_with(plan, layouts, map, 0, [](const plan::SourcePosition& from) { return from.tile_shift != 0; });
}

std::vector<int> columns_to_compute(const plan::Plan& plan, const std::vector<plan::Layout>& layouts,
                                    std::size_t layer) {
    const auto read = columns_read_from(plan, layouts, static_cast<int>(layer) + 1, layer + 1);
    std::vector<int> columns;
    for (std::size_t c = 0; c < read.size(); ++c)
        if (read[c] || plan.layers[layer].finish == plan::Finish::head) columns.push_back(static_cast<int>(c));
    return columns;
}

}  // namespace obscura::tensor
