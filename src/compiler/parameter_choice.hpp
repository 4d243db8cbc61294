#pragma once

#include "ckks/parameters.hpp"
#include "compiler/compile.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// Number of limbs each layer of the network runs at; the head runs at two.
std::vector<int> assign_levels(const plan::RealNetwork& network);

/// Primes and digit size for `levels` limbs: the smallest secure ring degree (or the options' own), and as many special
/// primes, up to a third of the limbs, as security leaves room for. `tiles` is the least number of slots.
/// Throws Error(security) if no degree is secure, or the options' own is not and insecure_for_tests is not set.
ckks::ParametersLiteral choose_parameters(int levels, int tiles, const CompileOptions& options);

}  // namespace obscura::compiler
