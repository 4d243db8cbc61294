#pragma once

#include <span>
#include <vector>

#include "ckks/evaluation_key.hpp"
#include "ckks/mod_down.hpp"
#include "ckks/mod_up.hpp"

/// Hybrid key switching: squares with relinearisation, operands of rotations, hoisted rotations.
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
    std::vector<Limb> products;         ///< [group]
    Limb small;
};

/// Squares (z0, z1) and relinearises it into an Operand; takes the limbs of z. The square's scale is the scale squared.
/// c1 comes as digits if the operand is `rotated` later; if not it stays extended, which saves its division by P.
Operand square_relinearise(const Context& context, const SwitchingKey& key, Ciphertext&& z, bool rotated,
                           LimbPool& pool, SwitchScratch& scratch);

/// Prepares a ciphertext as an operand: extended0 = P c0 without special limbs.
Operand make_operand(const Context& context, Ciphertext&& ciphertext);

/// Weights an operand's digits for rotations at another level, at which all limbs are there. Only those of a digit that
/// ends elsewhere then change.
void weight_digits(const Context& context, Operand& operand, int level);

/// Rotates an operand by several steps with one ModUp (hoisting); results are divided by P again.
std::vector<Ciphertext> rotate_hoisted(const Context& context, const EvaluationKeys& keys, const Operand& operand,
                                       std::span<const int> steps, LimbPool& pool, SwitchScratch& scratch);

}  // namespace obscura::ckks
