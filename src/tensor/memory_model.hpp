#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensor/linear.hpp"

namespace obscura::tensor {

/// How a plan's layers are cut into blocks, and what that takes.
struct MemoryPlan {
    std::vector<LinearOptions> options;  ///< [layer]
    std::vector<std::uint64_t> limbs;    ///< [layer] limbs (blocks of N words, those of smaller rings take whole ones)
                                         ///< in use at the layer's worst moment
    std::uint64_t peak() const;          ///< limbs of the worst layer
};

/// Chooses for every layer the largest blocks that keep residues (keys, feature maps, working room) within
/// `budget_bytes`; where blocks of one column are too large, the largest groups of target limbs; where those of one
/// limb are, nothing smaller. Goes through the engine's steps without the data,
/// so `limbs` is exact up to what threads do at the same time.
MemoryPlan plan_memory(const plan::Plan& plan, std::uint64_t budget_bytes, int threads);

/// Memory that a server process takes besides residues, in bytes: program, tables, buffers.
inline constexpr std::uint64_t process_bytes = 64'000'000;

/// What a server process of `bytes` leaves for residues.
inline std::uint64_t residue_bytes(std::uint64_t bytes) {
    return bytes - std::min(bytes, process_bytes);
}

/// plan_memory for a server process of `bytes` in all. Throws Error(resource) if not even the smallest blocks fit, with
/// the least that does.
MemoryPlan plan_process_memory(const plan::Plan& plan, std::uint64_t bytes, int threads);

/// Bytes a limb takes in a LimbPool.
std::uint64_t limb_bytes(const plan::Plan& plan);

}  // namespace obscura::tensor
