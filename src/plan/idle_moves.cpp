#include "plan/idle_moves.hpp"

#include <algorithm>

namespace obscura::plan {
namespace {

/// Maps from one merging to the next, which share the order of their tiles.
struct Epoch {
    std::vector<std::size_t> first;  ///< the maps that it begins with, of one layout
    int gap = 1;                     ///< theirs
    int moves = 1;                   ///< by 0 .. moves-1 of their cells
};

}  // namespace

std::vector<IdleMove> idle_moves(const Plan& plan) {
    const std::vector<Layout> all = layouts(plan);
    std::vector<Epoch> epochs{{{0}}};
    std::vector<std::size_t> epoch_of{0};  // [maps]
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Layer& layer = plan.layers[i];
        std::size_t epoch = 0;
        for (const Operand& operand : layer.operands)
            epoch = std::max(epoch, epoch_of[static_cast<std::size_t>(operand.source + 1)]);
        const int gap = all[i + 1].gap;
        epochs[epoch].moves = std::max(epochs[epoch].moves, gap / epochs[epoch].gap);
        if (layer.merged_run != 0) {
            if (++epoch == epochs.size()) epochs.push_back({{}, gap, 1});
            epochs[epoch].first.push_back(i + 1);
        }
        epoch_of.push_back(epoch);
    }
    std::vector<IdleMove> result{{std::vector<int>(all.size(), 0)}};
    for (const Epoch& epoch : epochs) {
        const std::size_t before = result.size();
        for (int cells = 1; cells < epoch.moves; ++cells)
            for (std::size_t i = 0; i < before; ++i) {
                IdleMove move = result[i];
                for (const std::size_t map : epoch.first) move.cells[map] = cells;
                result.push_back(std::move(move));
            }
    }
    return result;
}

void move_cells(const Layout& layout, int cells, std::span<float> values) {
    if (cells == 0) return;
    const auto pixels = static_cast<std::size_t>(layout.pixels());
    std::vector<float> before(pixels);
    for (std::size_t channel = 0; channel < values.size(); channel += pixels) {
        const auto map = values.subspan(channel, pixels);
        std::copy(map.begin(), map.end(), before.begin());
        for (int cell = 0; cell < layout.valid_tiles(); ++cell)
            for (int column = 0; column < layout.columns(); ++column)
                map[static_cast<std::size_t>(layout.pixel(cell, column))] =
                    before[static_cast<std::size_t>(layout.pixel((cell + cells) % layout.valid_tiles(), column))];
    }
}

}  // namespace obscura::plan
