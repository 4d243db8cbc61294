#pragma once

#include <vector>

#include "plan/layout.hpp"
#include "plan/real_network.hpp"

/// Merging of tiles that a stride would leave idle (plan::Layer::merged_run), and what has to be masked.
namespace obscura::compiler {

struct Merging {
    plan::Cell cell;                         ///< of the input
    std::vector<int> layers;                 ///< [layer] its merged_run
    std::vector<plan::Layout> outputs;       ///< [layer] as if one image were in a tile
    std::vector<bool> apart;                 ///< [layer] do its convolutions run before, and it merges their sums?
    std::vector<bool> masked;                ///< [layer] whether it is masked: it merges, or its zero padding is
                                             ///< outside of the image for a part of the tiles
    std::vector<std::vector<int>> operands;  ///< [layer][operand] not 0: a strided shortcut beside operands that were
                                             ///< merged earlier, which becomes a merging layer of its own
};

/// Decides where to merge: after every stride that would leave idle tiles, or that needs it, unless the padding of what
/// follows goes round cells that merging would break. Without `wanted`, nowhere.
/// A merging layer takes every tap under as many rotations as it merges positions. `apart`: convolutions whose operands
/// all have the same stride run at stride 1 instead, for the columns that are needed, and an identity layer merges what
/// they give: one more key switch for each output, but far fewer rotations where tiles are short.
/// `shrinks`: [layer] how often the tiles of a merging layer's output are halved, for a smaller ring; empty: never.
/// Throws Error(unsupported) where a layer's operands cannot be brought to one layout or padding does not fit the
/// cells.
Merging choose_merging(const plan::RealNetwork& network, plan::Cell cell, bool wanted, bool apart,
                       const std::vector<int>& shrinks = {});

/// Turns the operands that Merging::operands names, and the convolutions that Merging::apart names, into layers of
/// their own, which give the same sums. A 1x1 convolution merges what it reads, not its sums, where that is less.
/// `levels`: of the former, [layer][operand]. Returns the tiles of every layer's output as Merging::outputs has them.
std::vector<int> split_layers(plan::Plan& plan, const Merging& merging, const std::vector<std::vector<int>>& levels);

}  // namespace obscura::compiler
