#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace obscura::plan {

/// An ensemble is several networks that share nothing but the input and the head. Returns which of them each layer
/// belongs to, [layers], numbered from 0 in the order of their first layers; -1 for the head. A single network's layers
/// are all 0. Sources must be earlier layers.
std::vector<int> members(const Plan& plan);

}  // namespace obscura::plan
