#pragma once

#include "ring/modular.hpp"

namespace obscura::ring {

/// The lowest `bits` bits of `value` in reverse order; value < 2^bits.
constexpr u32 reverse_bits(u32 value, int bits) {
    u32 v = (value >> 16) | (value << 16);
    v = (v >> 8 & 0x00ff00ff) | (v & 0x00ff00ff) << 8;
    v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
    v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
    v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
    return static_cast<u32>(static_cast<u64>(v) << bits >> 32);
}

}  // namespace obscura::ring
