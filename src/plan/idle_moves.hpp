#pragma once

#include <span>
#include <vector>

#include "plan/layout.hpp"

namespace obscura::plan {

/// What a set of tiles computes: the network, with the pixels of some maps moved. cells[0] is of the input, cells[i +
/// 1] of layer i's output: every cell of that map's layout takes the pixels so many cells further on, around the map.
struct IdleMove {
    std::vector<int> cells;
};

/// One for every kind of tiles that the plan's maps have; the first moves nothing, as the tiles of the image itself do.
///
/// The idle tile k tiles after one of the image holds what that tile would hold of a map k tiles further on. Until
/// tiles are merged that is the input moved by k tiles. A merging layer reads k = a*gap + b tiles further on, with the
/// gap of what it reads: so b is moved before, and the merged map by a cells of the one that it is made from. As the
/// padding of a merged map need not wrap as the image's did, this can be something else than any moved image.
std::vector<IdleMove> idle_moves(const Plan& plan);

/// Moves the pixels of a map, values[channels][height*width].
void move_cells(const Layout& layout, int cells, std::span<float> values);

}  // namespace obscura::plan
