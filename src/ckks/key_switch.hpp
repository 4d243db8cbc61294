#pragma once

#include <span>
#include <vector>

#include "ckks/evaluation_key.hpp"

/// Hybrid key switching in pieces that a tensor of ciphertexts can run limb by limb: ModUp of digits to target limbs,
/// square with relinearisation, and ModDown by P and up to two chain primes.
namespace obscura::ckks {

/// Room for one thread's key switching, allocated once.
struct SwitchScratch {
    SwitchScratch(const Context& context, LimbPool& pool);

    static constexpr int group = 4;     ///< target limbs converted together
    static constexpr int together = 4;  ///< ciphertexts whose digits are lifted together: they share each target's
                                        ///< twiddle factors while those are in the cache
    std::vector<Limb> square;           ///< [level]
    std::vector<Limb> digits;           ///< [level]
    std::vector<Limb> raised;           ///< [together][digits * group]
    std::vector<Limb> special;          ///< [special limbs]
    Limb small;
    Limb product0, product1;
};

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
/// The two halves of mod_up: coefficients modulo all targets, then, target by target, evaluations in their place.
void mod_up_coefficients(const Context& context, std::span<const ModUpItem> items, int level, bool plain,
                         std::span<const int> targets);
void mod_up_evaluations(const Context& context, std::span<const ModUpItem> items, int level,
                        std::span<const int> targets, std::size_t target);

/// Evaluations of c1 modulo limb t < level, from its digits.
void digit_evaluations(const Context& context, const Poly& digits, int level, int t, u32* out);

/// Squares (z0, z1) and relinearises it into an Operand; takes the limbs of z. The square's scale is the scale squared.
Operand square_relinearise(const Context& context, const SwitchingKey& key, Ciphertext&& z, LimbPool& pool,
                           SwitchScratch& scratch);

/// Prepares a ciphertext as an operand: extended0 = P c0 without special limbs.
Operand make_operand(const Context& context, Ciphertext&& ciphertext);

/// Rotates an operand by several steps with one ModUp (hoisting); results are divided by P again.
std::vector<Ciphertext> rotate_hoisted(const Context& context, const EvaluationKeys& keys, const Operand& operand,
                                       std::span<const int> steps, LimbPool& pool, SwitchScratch& scratch);

/// ModDown, first half. `extended` holds a polynomial over the chain limbs below level and the special limbs, in
/// evaluation order, that is to be divided by P and the last `dropped` (0, 1 or 2) chain primes. Turns its source limbs
/// (special and dropped ones) in place into centred y_i and fills `small` with the quotient, so that division is
/// rounded.
void mod_down_sources(const Context& context, Poly& extended, int level, int dropped, u32* small);

/// A polynomial to be divided.
struct ModDownItem {
    Poly* extended;    ///< sources prepared by mod_down_sources
    const u32* small;  ///< their quotient
    i64 bias;          ///< integer constant added to every slot of the result
    u32* const* room;  ///< [targets] scratch limbs
};

/// ModDown, second half, for some target limbs: extended[t] = (extended[t] - sources) / (P * dropped primes) + bias.
/// Transforms of one target follow each other, as in mod_up.
void mod_down_targets(const Context& context, std::span<const ModDownItem> items, int level, int dropped,
                      std::span<const int> targets);

/// Divides a ciphertext by its last prime: level - 1 limbs, scale / q. For tests and callers outside the layer engine.
Ciphertext rescale(const Context& context, const Ciphertext& ciphertext, LimbPool& pool);

}  // namespace obscura::ckks
