// Eight or sixteen floats at a time, in the compiler's own vectors; a processor without such registers gets several
// smaller ones.

#pragma once

#include <cstdint>

namespace kernels {

// A vector's type, and that of one anywhere in memory.
template <int64_t Lanes>
struct VectorTypes {
    using Aligned [[gnu::vector_size(4 * Lanes)]] = float;
    using Unaligned [[gnu::vector_size(4 * Lanes), gnu::aligned(4), gnu::may_alias]] = float;
};

template <int64_t Lanes>
using Vector = typename VectorTypes<Lanes>::Aligned;

constexpr int64_t kNarrow = 8;
#ifdef __AVX512F__
constexpr int64_t kWide = 16;
#else
constexpr int64_t kWide = 8;
#endif

template <int64_t Lanes>
inline Vector<Lanes> load(const float* from) {
    return *reinterpret_cast<const typename VectorTypes<Lanes>::Unaligned*>(from);
}
template <class V>
inline void store(float* to, V value) {
    *reinterpret_cast<typename VectorTypes<sizeof(V) / sizeof(float)>::Unaligned*>(to) = value;
}

// value within [low, high]; NaN stays.
template <class V>
inline V cut(V value, V low, V high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}

template <class V>
inline V magnitude(V value) {
    return value < 0 ? -value : value;
}

// Calls with_lanes.operator()<Lanes>() for the widest vectors that divide the channels.
template <class WithLanes>
inline void with_widest(int64_t channels, WithLanes&& with_lanes) {
    if (channels % kWide == 0)
        with_lanes.template operator()<kWide>();
    else
        with_lanes.template operator()<kNarrow>();
}

}  // namespace kernels
