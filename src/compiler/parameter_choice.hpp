#pragma once

#include <vector>

#include "ckks/parameters.hpp"
#include "compiler/compile.hpp"
#include "compiler/merging.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// How many limbs there are and which layer runs at how many of them.
struct Levels {
    std::vector<int> layers;                 ///< [layer]; the head ends with two
    std::vector<std::vector<int>> operands;  ///< [layer][operand] level of an operand that is split off; 0: it is not
    std::vector<bool> mask;                  ///< [chain prime] is it the scale of masks? Those are small primes
    int count() const { return static_cast<int>(mask.size()); }
};

/// Throws Error(unsupported) if a prime would have to scale masks in one layer and to rescale another.
Levels assign_levels(const plan::RealNetwork& network, const Merging& merging);

/// Primes and digit sizes to choose from: the smallest secure ring degree (or the options' own) with every number of
/// special primes, from the largest to the smallest, that security leaves room for, up to a third of the limbs. More of
/// them mean fewer digits, and more limbs in every product. options.weight_bits makes primes smaller;
/// fewest_weight_bits is no number of bits and must have been replaced by one. `tiles` is the least number of slots.
/// Throws Error(security) if no degree is secure, or the options' own is not and insecure_for_tests is not set.
std::vector<ckks::ParametersLiteral> parameter_choices(const Levels& levels, int tiles, const CompileOptions& options);

}  // namespace obscura::compiler
