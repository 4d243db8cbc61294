#pragma once

#include <string>

#include "plan/plan.hpp"

/// The canonical form of a plan: JSON for everything but the weights, then the weights. Both the plan file and the
/// plan's digest are made of it. Details of this folder; not for others.
namespace obscura::plan {

/// Keys in alphabetical order, doubles in the shortest form that reads back to the same value.
std::string describe(const Plan& plan);

/// The inverse; weights are left empty but their number follows from the shapes. Throws Error(format).
Plan parse_description(const std::string& text);

/// Weights an operand of the layer must have: out_channels * taps * channels, each bounded by parse_description.
std::size_t weight_count(const Layer& layer, const Operand& operand);

}  // namespace obscura::plan
