// Eight floats at a time, in the compiler's own vectors; a processor without such registers gets several smaller ones.

#pragma once

#include <cstdint>

namespace kernels {

constexpr int64_t kLanes = 8;
using Vector = float __attribute__((vector_size(32)));
using UnalignedVector = float __attribute__((vector_size(32), aligned(4), may_alias));

inline Vector load(const float* from) {
    return *reinterpret_cast<const UnalignedVector*>(from);
}
inline void store(float* to, Vector value) {
    *reinterpret_cast<UnalignedVector*>(to) = value;
}

// value within [low, high]; NaN stays.
inline Vector cut(Vector value, Vector low, Vector high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}

inline Vector magnitude(Vector value) {
    return value < 0 ? -value : value;
}

}  // namespace kernels
