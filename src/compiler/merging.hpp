#pragma once

#include <vector>

#include "plan/plan.hpp"
#include "plan/real_network.hpp"

/// Merging of tiles that a stride would leave idle (plan::Layer::merged_run).
namespace obscura::compiler {

struct Merging {
    std::vector<int> layers;                 ///< [layer] its merged_run
    std::vector<std::vector<int>> operands;  ///< [layer][operand] not 0: a strided shortcut beside operands that were
                                             ///< merged earlier, which becomes a merging layer of its own
};

/// Decides where to merge: after every stride that would leave idle tiles, or that needs it. Without `wanted`, nowhere.
/// Throws Error(unsupported) where a layer's operands cannot be brought to one layout.
Merging choose_merging(const plan::RealNetwork& network, int run_length, bool wanted);

/// Turns the operands that Merging::operands names into layers of their own, which give the same sums. `levels`: of
/// those layers, [layer][operand].
void split_operands(plan::Plan& plan, const Merging& merging, const std::vector<std::vector<int>>& levels);

}  // namespace obscura::compiler
