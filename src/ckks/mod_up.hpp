#pragma once

#include <span>

#include "ckks/ciphertext.hpp"
#include "ckks/context.hpp"

/// ModUp: digits of a polynomial lifted to the limbs of Q P that they lack, in pieces that a tensor of ciphertexts can
/// run limb by limb.
namespace obscura::ckks {

/// One ciphertext's digits and where they are lifted to.
struct ModUpItem {
    const u32* const* digits;  ///< [level] y_i, centred
    u32* const* out;           ///< [digit * targets + target], evaluation order; null entries are skipped
};

/// Lifts the digits of some ciphertexts to target limbs. Limbs of a digit itself are left alone (their evaluations are
/// known otherwise). `plain`: the results carry 2^-32. All transforms of one target follow each other, so that its
/// twiddle factors are still in the cache.
void mod_up(const Context& context, std::span<const ModUpItem> items, int level, bool plain,
            std::span<const int> targets);
/// The two halves of mod_up: coefficients modulo all targets, then, target by target, evaluations in their place. The
/// i-th transform fetches limb next[i] meanwhile (Kernels::ntt_forward), if there are as many.
void mod_up_coefficients(const Context& context, std::span<const ModUpItem> items, int level, bool plain,
                         std::span<const int> targets);
void mod_up_evaluations(const Context& context, std::span<const ModUpItem> items, int level,
                        std::span<const int> targets, std::size_t target, std::span<const u32* const> next = {});

/// From limb t < level of the digits of c1 to its coefficients modulo that prime.
ring::Factor digit_unweight(const Context& context, int level, int t);
/// Evaluations of c1 modulo limb t < level, from its digits.
void digit_evaluations(const Context& context, const Poly& digits, int level, int t, u32* out);

}  // namespace obscura::ckks
