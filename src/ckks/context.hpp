#pragma once

#include <array>
#include <memory>
#include <vector>

#include "ckks/parameters.hpp"
#include "ring/kernels/kernels.hpp"

namespace obscura::ckks {

using ring::i32;
using ring::i64;
using ring::u32;
using ring::u64;

/// Constants of a conversion from a set of source primes (product S) to other primes.
///
/// With y_i = [x_i (S/s_i)^-1]_{s_i} in (-s_i/2, s_i/2], x + v S = sum_i y_i S/s_i for a small integer v; `to_target`
/// evaluates that sum modulo another prime, and subtracting v S with v = round(sum_i y_i / s_i) makes it exact (the
/// centred representative of x).
///
/// A ModDown works on residues that are divided by P wherever that is possible, modulo the chain (Operand): there its
/// weights carry a factor P and its targets' factors one of 1/P.
struct Conversion {
    std::vector<ring::Factor> weight;    ///< [sources] (S/s_i)^-1 mod s_i
    std::vector<ring::Factor> unweight;  ///< [sources] S/s_i mod s_i: from y_i back to x_i
    /// [sources] inverse transform that also multiplies by the weight (times 2^32 where the factors are plain: the
    /// evaluations are Montgomery products then)
    std::vector<ring::InverseScale> weighted_inverse;
    std::vector<i32> reciprocal;  ///< [sources] round(2^shift / s_i)
    int shift = 58;               ///< fixed point of the quotient
    /// [target][sources] S/s_i mod target, times 2^32 if Montgomery, in (-target/2, target/2]; empty: unused target
    std::vector<std::vector<i32>> factor;
    std::vector<i32> minus_product;  ///< [target] -S mod target, likewise
};

/// Everything derived from a parameter set: transform tables and conversion constants. Limb t < levels is chain prime
/// t, limb levels + j is special prime j. Immutable after construction and shared by all threads.
class Context {
  public:
    explicit Context(const Parameters& parameters);
    /// The same with transform tables that other contexts have, too.
    Context(const Parameters& parameters, ring::NttTables& tables);
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    const Parameters& parameters() const { return parameters_; }
    const ring::Kernels& kernels() const { return *kernels_; }
    u32 degree() const { return parameters_.degree(); }
    int levels() const { return parameters_.levels(); }
    int special_limbs() const { return parameters_.special_limbs(); }
    int limbs() const { return levels() + special_limbs(); }
    u32 prime(int limb) const { return table(limb).modulus.q; }
    const ring::Modulus& modulus(int limb) const { return table(limb).modulus; }
    const ring::NttTable& table(int limb) const { return *tables_[static_cast<std::size_t>(limb)]; }
    /// Inverse transform with factor 1.
    const ring::InverseScale& unit_scale(int limb) const { return unit_scale_[static_cast<std::size_t>(limb)]; }

    int digit_begin(int digit) const { return digit * parameters_.digit_limbs(); }
    int digit_end(int digit, int level) const { return std::min(level, digit_begin(digit + 1)); }

    /// ModUp of one digit at a level: sources are limbs digit_begin .. digit_end. Plain factors: results carry 2^-32.
    const Conversion& mod_up_plain(int digit, int level) const;
    /// The same with Montgomery factors: results are exact.
    const Conversion& mod_up(int digit, int level) const;
    /// Division by P and the last `dropped` (0, 1 or 2) of `level` chain primes: sources are the special limbs, then
    /// limbs level-1, level-2.
    const Conversion& mod_down(int level, int dropped) const;

    u32 special_inverse(int limb) const { return special_inverse_[static_cast<std::size_t>(limb)]; }  ///< 1/P mod prime
    /// Inverse, modulo a chain prime, of the last `dropped` of `level` chain primes.
    ring::Factor division_inverse(int limb, int level, int dropped) const;

    /// Digest of the parameters as stored in file headers.
    const std::string& digest() const { return digest_; }

  private:
    enum class Factors { plain, montgomery, divided };  ///< divided: Montgomery, for a ModDown (see Conversion)
    Conversion make_conversion(const std::vector<int>& sources, Factors factors) const;

    Parameters parameters_;
    const ring::Kernels* kernels_;
    std::string digest_;
    std::vector<std::shared_ptr<const ring::NttTable>> tables_;
    std::vector<ring::InverseScale> unit_scale_;
    std::vector<std::vector<Conversion>> mod_up_plain_, mod_up_;  ///< [digit][limbs in the digit]
    std::array<std::vector<Conversion>, 3> mod_down_;             ///< [dropped][level]; empty where one cannot divide
    std::vector<u32> special_inverse_;                            ///< [levels]
};

}  // namespace obscura::ckks
