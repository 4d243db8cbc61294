#pragma once

/// Largest values a plan may hold: generous for real networks, small enough that sizes multiply without overflow and a
/// hostile plan cannot ask for absurd amounts of memory.
namespace obscura::plan::limits {

inline constexpr int log_degree = 17;
inline constexpr int limbs = 128;
inline constexpr int layers = 1024;
inline constexpr int channels = 1 << 14;
inline constexpr int size = 1 << 11;  ///< pixels a side
inline constexpr int taps = 1024;
/// Sum of |weight| of an output channel: with 16-bit halves of residues, products fit 32-bit accumulators.
inline constexpr int weight_sum = 65535;
inline constexpr int weight = 32767;
/// Of a border: the sum of all of them fits 64 bits.
inline constexpr double shift = 0x1p50;
inline constexpr unsigned description_bytes = 64u << 20;

}  // namespace obscura::plan::limits
