#pragma once

#include "ckks/context.hpp"
#include "ring/limb_pool.hpp"

namespace obscura::ckks {

using ring::Limb;
using ring::LimbPool;
using ring::Poly;

/// (c0, c1) with c0 + c1 s = message: limbs 0 .. level-1 of both, evaluation order, in [0, q).
struct Ciphertext {
    Poly c0;
    Poly c1;
    int level() const { return static_cast<int>(c0.size()); }
};

/// A ciphertext prepared for rotations and products over the extended basis QP, without division by P in between
/// ("double hoisting", Bossuat et al., ePrint 2020/1203, section 5):
///     P c0 over the chain limbs below `level` and the special limbs, plus c1 in coefficients, as key switching digits;
///     or, if it is never to be rotated, P c1 like P c0.
/// Modulo the chain primes, which P is invertible for, c0 stands for P c0 (and switching keys are kept over P
/// likewise): what was not switched enters a sum as it is, and a ModDown has no division by P left.
struct Operand {
    int level = 0;  ///< limbs in use
    /// [limbs()] P c0, over P modulo the chain; evaluation order; limbs level .. levels-1 are null; null special limbs
    /// stand for zero.
    Poly extended0;
    /// The same of c1, or empty if that is in digits.
    Poly extended1;
    /// [level] y_i = c1 (Q_j/q_i)^-1 mod q_i of the digit j that holds limb i, in (-q/2, q/2] (32-bit two's
    /// complement).
    Poly digits1;
    int digit_level = 0;  ///< level the digits are weighted for: rotations happen there (weight_digits)

    bool has_digits() const { return extended1.limbs.empty(); }
};

}  // namespace obscura::ckks
