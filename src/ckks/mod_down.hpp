#pragma once

#include <span>

#include "ckks/ciphertext.hpp"
#include "ckks/context.hpp"

/// ModDown: division by P and up to two chain primes, in pieces that a tensor of ciphertexts can run limb by limb; and
/// the plain rescale.
namespace obscura::ckks {

/// weight times c0 (part 0) or c1 (part 1) of an operand: added to a polynomial before that is divided, without digits
/// lifted or key products. Digits of c1 come to the coefficients that are transformed anyway. The operand has at least
/// the polynomial's limbs, those that are not done yet.
struct Addend {
    const Operand* operand = nullptr;  ///< null: nothing
    int part = 0;
    i64 weight = 0;
};

/// ModDown, first half. `extended` holds a polynomial over the chain limbs below level and the special limbs, in
/// evaluation order and kept over P modulo the chain (see Operand), that is to be divided by P and the last `dropped`
/// (0, 1 or 2) chain primes. Turns its source limbs (special and dropped ones) in place into centred y_i and fills
/// `small` with the quotient, so that division is rounded.
void mod_down_sources(const Context& context, Poly& extended, int level, int dropped, u32* small,
                      const Addend& addend = {});

/// A polynomial to be divided.
struct ModDownItem {
    Poly* extended;      ///< sources prepared by mod_down_sources
    const u32* small;    ///< their quotient
    i64 bias;            ///< integer constant added to every slot of the result
    u32* const* room;    ///< [targets] scratch limbs
    Addend addend = {};  ///< the same as for its sources
};

/// ModDown, second half, for some target limbs: extended[t] = (P extended[t] - sources) / (P * dropped primes) + bias.
/// Transforms of one target follow each other, as in mod_up.
void mod_down_targets(const Context& context, std::span<const ModDownItem> items, int level, int dropped,
                      std::span<const int> targets);

/// Divides a ciphertext by its last prime: level - 1 limbs, scale / q. For tests and callers outside the layer engine.
Ciphertext rescale(const Context& context, const Ciphertext& ciphertext, LimbPool& pool);

}  // namespace obscura::ckks
