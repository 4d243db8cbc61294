#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

namespace obscura::ckks {

/// Maps N real slots to the coefficients a_0 .. a_{N-1} of a conjugate-invariant element and back. Slot j is the value
/// at Y = exp(2 pi i 5^j / 4N), so multiplying exponents by 5^k rotates the slots by k (Kim and Song, ePrint 2018/952,
/// section 3). Double precision: the round trip error at N = 2^15 is below 2^-45 of the largest slot.
class Encoder {
  public:
    explicit Encoder(int log_degree);

    /// slots: N values; coefficients: N values out.
    void encode(std::span<const double> slots, std::span<double> coefficients) const;
    void decode(std::span<const double> coefficients, std::span<double> slots) const;

  private:
    std::uint32_t degree_;
    std::vector<std::complex<double>> twiddle_;  ///< [tree node]
    std::vector<std::uint32_t> leaf_;            ///< leaf of slot j
};

}  // namespace obscura::ckks
