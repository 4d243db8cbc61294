#include "io/residues.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "base/error.hpp"

namespace obscura::io {
namespace {

// A block of 16 residues r_0 .. r_15 is 15 little-endian words: word i holds r_i in bits 0..29 and bits 2i, 2i+1 of
// r_15 in bits 30, 31. Every residue but the last is one mask away, so both directions run near the speed of a copy.
constexpr std::size_t block = 16;
constexpr std::size_t block_words = 15;
constexpr std::uint32_t low30 = (1u << 30) - 1;
constexpr std::size_t chunk_blocks = 256;  // 16 KiB of residues: stays in the first-level cache

void pack(const std::uint32_t* in, std::uint32_t* out) {
    const std::uint32_t last = in[block_words];
    for (unsigned i = 0; i < block_words; ++i) out[i] = in[i] | ((last >> (2 * i)) << 30);
}

void unpack(const std::uint32_t* in, std::uint32_t* out) {
    std::uint32_t last = 0;
    for (unsigned i = 0; i < block_words; ++i) {
        out[i] = in[i] & low30;
        last |= (in[i] >> 30) << (2 * i);
    }
    out[block_words] = last;
}

static_assert(std::endian::native == std::endian::little, "words are written in the machine's byte order");

}  // namespace

std::uint64_t packed_bytes(std::uint64_t n) {
    return n / block * block_words * sizeof(std::uint32_t);
}

void write_residues(FileWriter& out, std::span<const std::uint32_t> residues) {
    assert(residues.size() % block == 0);
    std::uint32_t words[chunk_blocks * block_words];
    const std::size_t blocks = residues.size() / block;
    for (std::size_t first = 0; first < blocks; first += chunk_blocks) {
        const std::size_t count = std::min(chunk_blocks, blocks - first);
        const std::uint32_t* in = residues.data() + first * block;
        for (std::size_t b = 0; b < count; ++b) pack(in + b * block, words + b * block_words);
        out.bytes({reinterpret_cast<const std::uint8_t*>(words), count * block_words * sizeof(std::uint32_t)});
    }
}

void read_residues(FileReader& in, std::uint32_t prime, std::span<std::uint32_t> out) {
    assert(out.size() % block == 0);
    std::uint32_t words[chunk_blocks * block_words];
    const std::size_t blocks = out.size() / block;
    for (std::size_t first = 0; first < blocks; first += chunk_blocks) {
        const std::size_t count = std::min(chunk_blocks, blocks - first);
        in.bytes({reinterpret_cast<std::uint8_t*>(words), count * block_words * sizeof(std::uint32_t)});
        std::uint32_t* to = out.data() + first * block;
        for (std::size_t b = 0; b < count; ++b) unpack(words + b * block_words, to + b * block);
        // A residue at or above its prime is refused, not reduced: it cannot come from an honest writer.
        std::uint32_t largest = 0;
        for (std::size_t i = 0; i < count * block; ++i) largest = std::max(largest, to[i]);
        if (largest < prime) continue;
        const std::uint32_t* bad = std::find_if(to, to + count * block, [&](std::uint32_t r) { return r >= prime; });
        in.fail(
            fmt::format("residue {} of {} is {}, not below its prime {}", bad - out.data(), out.size(), *bad, prime));
    }
}

}  // namespace obscura::io
