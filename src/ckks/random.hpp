#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace obscura::ckks {

/// 32 bytes that determine a stream of uniform polynomials; public unless used for secrets.
using Seed = std::array<std::uint8_t, 32>;

/// Initialises libsodium once for the process; everything here that draws or protects secrets calls it.
/// Throws Error(resource) if the system's randomness is not available.
void require_sodium();

/// A fresh seed from the operating system (libsodium randombytes).
Seed fresh_seed();

/// A ChaCha20 stream (RFC 8439, libsodium) of a seed, separated by two domain numbers: streams with different domains
/// are independent. Erases its key and buffer when destroyed.
class RandomStream {
  public:
    RandomStream(const Seed& seed, std::uint32_t domain, std::uint64_t index);
    ~RandomStream();
    RandomStream(const RandomStream&) = delete;
    RandomStream& operator=(const RandomStream&) = delete;

    std::uint32_t next_u32();
    std::uint64_t next_u64();

    /// Uniform residues in [0, q), q < 2^30, by rejection (the values are public, timing reveals nothing).
    void uniform(std::uint32_t q, std::span<std::uint32_t> out);

  private:
    void refill();

    Seed key_;
    std::array<std::uint8_t, 12> nonce_{};
    std::uint32_t block_ = 0;
    std::size_t position_;
    std::vector<std::uint32_t> buffer_;
};

inline constexpr double noise_sigma = 3.2;

/// Uniform in {-1, 0, 1}.
void sample_ternary(RandomStream& stream, std::span<std::int8_t> out);

/// Discrete Gaussian of sigma 3.2, cut at 13 sigma: 63-bit inversion of the cumulative table, every entry compared for
/// every sample, so that time and memory access do not depend on the result.
void sample_gaussian(RandomStream& stream, std::span<std::int8_t> out);

}  // namespace obscura::ckks
