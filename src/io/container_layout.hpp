#pragma once

#include <sodium.h>

#include <array>
#include <cstdint>

#include "io/container.hpp"

/// Details of the container shared by its writer and its reader; not for other folders.
namespace obscura::io::layout {

inline constexpr std::array<std::uint8_t, 8> magic{'O', 'B', 'S', 'C', 'U', 'R', 'A', 0};
inline constexpr std::uint32_t version = 7;
inline constexpr std::size_t header_bytes = 96;
inline constexpr std::size_t checksum_bytes = 32;
static_assert(header_bytes + checksum_bytes == container_frame_bytes);
inline constexpr std::uint32_t insecure_flag = 1;
/// Small enough to stay in the second-level cache between hashing and copying.
inline constexpr std::size_t buffer_bytes = 256 * 1024;

using HeaderBytes = std::array<std::uint8_t, header_bytes>;

HeaderBytes encode(const FileHeader& header);

/// Little-endian integers, independent of the machine's byte order.
void store_u32(std::uint8_t* out, std::uint32_t v);
void store_u64(std::uint8_t* out, std::uint64_t v);
std::uint32_t load_u32(const std::uint8_t* in);
std::uint64_t load_u64(const std::uint8_t* in);

/// Running BLAKE2b-256.
class Checksum {
  public:
    Checksum();
    void add(const std::uint8_t* data, std::size_t size);
    Digest finish();

  private:
    crypto_generichash_state state_;
};

}  // namespace obscura::io::layout
