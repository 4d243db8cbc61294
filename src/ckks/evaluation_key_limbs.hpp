#pragma once

#include <vector>

#include "ckks/evaluation_key.hpp"

/// How a switching key is laid out: shared by the generator (client) and the loader (server).
namespace obscura::ckks {

/// Limbs of a key for operands of `level` limbs, in file order: 0 .. level-1, then the special limbs.
std::vector<int> switching_key_limbs(const Context& context, int level);

/// The uniform part a of one limb, from the section's public seed; step 0 is the relinearisation key, or that which
/// switches rings: no section has both.
void expand_key_limb(const Context& context, const Seed& seed, int step, int digit, int limb, u32* out);

/// 2^32 or 2^64 modulo the prime: what keys in memory are multiplied with.
u32 key_factor(const Context& context, int limb, DigitForm form);

}  // namespace obscura::ckks
