#pragma once

#include <cstdint>
#include <span>

#include "io/container.hpp"

/// Residues travel packed at 30 bits: primes are below 2^30, so 4-byte words would waste 6% of every upload, and
/// unpacking is far cheaper than the network. 16 residues take 15 words.
namespace obscura::io {

/// Bytes of n residues (n a multiple of 16): 30 n / 8.
std::uint64_t packed_bytes(std::uint64_t n);

/// Writes residues below 2^30. The count must be a multiple of 16.
void write_residues(FileWriter& out, std::span<const std::uint32_t> residues);

/// Reads `out.size()` residues; Error(format) naming position and value if one is not below `prime`.
void read_residues(FileReader& in, std::uint32_t prime, std::span<std::uint32_t> out);

}  // namespace obscura::io
