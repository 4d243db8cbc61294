#pragma once

#include <cstddef>
#include <vector>

#include "plan/layout.hpp"

/// Which columns of feature maps are read by which layers of a plan, and how.
namespace obscura::tensor {

/// Output columns of a layer that later layers read, in order; all of a head's.
std::vector<int> columns_to_compute(const plan::Plan& plan, const std::vector<plan::Layout>& layouts,
                                    std::size_t layer);

/// [columns] whether layers from `layer` on read a column of map `map` (0: the input, i + 1: layer i).
std::vector<bool> columns_read_from(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map,
                                    std::size_t layer);

/// The highest level at which layers from `layer` on read map `map`; 0 if none does.
int level_read_from(const plan::Plan& plan, int map, std::size_t layer);

/// [columns] whether any layer rotates a column of map `map`. Relinearisation leaves c1 of the others extended.
std::vector<bool> columns_rotated(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map);

}  // namespace obscura::tensor
