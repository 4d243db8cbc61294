#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obscura::ckks {

/// Freely editable description of a parameter set; nothing is checked until Parameters is built from it.
struct ParametersLiteral {
    int log_degree = 0;                  ///< log2 of the ring degree N (and of the number of real slots), 10..17
    std::vector<std::uint32_t> chain;    ///< q_0 .. q_{L-1}: base primes first; rescaling removes the last
    std::vector<std::uint32_t> special;  ///< p_0 .. p_{k-1}: product P, used by key switching only
    int digit_limbs = 0;                 ///< alpha, limbs a key switching digit; at most the number of special primes
    bool insecure_for_tests = false;     ///< accept log2(QP) above the 128-bit bound; marks every file
    bool operator==(const ParametersLiteral&) const = default;
};

/// Largest log2(QP) for 128-bit security with a uniform ternary secret and sigma = 3.2 (Bossuat et al., Security
/// Guidelines for Implementing Homomorphic Encryption, ePrint 2024/463, Table 5.2; classical attacks).
/// Returns 0 for degrees outside 2^10 .. 2^17.
int max_log2_qp_128(int log_degree);

/// A digit may exceed P by this many bits: key switching noise grows with it. It is added to squares, which are some
/// 2^22 times larger than what rescaling rounds away, so that up to here it stays invisible (plan/noise.hpp).
inline constexpr double most_digit_excess_bits = 12;

/// Checked, immutable parameters.
class Parameters {
  public:
    /// Throws Error(security) when log2(QP) exceeds max_log2_qp_128 and insecure_for_tests is not set, and
    /// Error(format) for a degree outside 10..17, primes that are not distinct primes below 2^30 and 1 mod 4N,
    /// a digit size outside 1..special primes, or digits beyond P by more than most_digit_excess_bits.
    explicit Parameters(ParametersLiteral literal);

    int log_degree() const { return literal_.log_degree; }
    std::uint32_t degree() const { return 1u << literal_.log_degree; }
    int levels() const { return static_cast<int>(literal_.chain.size()); }
    int special_limbs() const { return static_cast<int>(literal_.special.size()); }
    int digit_limbs() const { return literal_.digit_limbs; }
    /// Number of key switching digits of an operand with `level` limbs.
    int digits(int level) const { return (level + literal_.digit_limbs - 1) / literal_.digit_limbs; }
    double log2_q() const;
    double log2_qp() const;
    /// 128 when log2(QP) is within the table, 0 otherwise (insecure parameters for tests).
    int security_bits() const;
    const ParametersLiteral& literal() const { return literal_; }
    /// SHA-256 of the canonical literal, 32 bytes: ties every file to its parameters.
    std::string digest() const;

  private:
    ParametersLiteral literal_;
};

}  // namespace obscura::ckks
