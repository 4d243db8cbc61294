#pragma once

#include <cstdint>
#include <vector>

#include "tensor/linear.hpp"

namespace obscura::tensor {

/// How a plan's layers are cut into blocks, and what that takes.
struct MemoryPlan {
    std::vector<LinearOptions> options;  ///< [layer]
    std::vector<std::uint64_t> limbs;    ///< [layer] limbs (blocks of N words) in use at the layer's worst moment
    std::uint64_t peak() const;          ///< limbs of the worst layer
};

/// Chooses for every layer the largest blocks that keep residues (keys, feature maps, working room) within
/// `budget_bytes`, or the smallest blocks where that is not enough. Goes through the engine's steps without the data,
/// so `limbs` is exact up to what threads do at the same time.
MemoryPlan plan_memory(const plan::Plan& plan, std::uint64_t budget_bytes, int threads);

/// Bytes a limb takes in a LimbPool.
std::uint64_t limb_bytes(const plan::Plan& plan);

/// Output columns of a layer that later layers read, in order; all of a head's.
std::vector<int> columns_to_compute(const plan::Plan& plan, const std::vector<plan::Layout>& layouts,
                                    std::size_t layer);

/// [columns] whether layers from `layer` on read a column of map `map` (0: the input, i + 1: layer i).
std::vector<bool> columns_read_from(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map,
                                    std::size_t layer);

}  // namespace obscura::tensor
