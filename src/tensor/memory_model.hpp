#pragma once

#include <cstdint>
#include <vector>

#include "tensor/linear.hpp"

namespace obscura::tensor {

/// Limbs (blocks of N words) in use at the worst moment of every layer of a plan: keys, feature maps and working room,
/// by going through the engine's steps without the data. Exact up to what threads do at the same time.
std::vector<std::uint64_t> peak_limbs(const plan::Plan& plan, const LinearOptions& options, int threads);

/// Bytes a limb takes in a LimbPool.
std::uint64_t limb_bytes(const plan::Plan& plan);

/// [columns] whether layers from `layer` on read a column of map `map` (0: the input, i + 1: layer i).
std::vector<bool> columns_read_from(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, int map,
                                    std::size_t layer);

}  // namespace obscura::tensor
