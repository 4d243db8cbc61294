#pragma once

#include "ring/bit_reversal.hpp"

namespace obscura::ring {
namespace {

/// Compile-time loops: butterflies work on arrays of registers, so every index must be a constant.
template <int I>
struct Index {
    static constexpr int value = I;
};
template <int First, int Count, class F>
[[gnu::always_inline]] inline void unroll(F&& body) {
    if constexpr (Count > 0) {
        body(Index<First>{});
        unroll<First + 1, Count - 1>(body);
    }
}

/// x[i] -> x[i with its bits reversed]: from the order of tree nodes to that of slots, and back.
template <int Bits, class V>
[[gnu::always_inline]] inline void reverse_order(V* x) {
    unroll<0, 1 << Bits>([&](auto i) __attribute__((always_inline)) {
        constexpr int other = reverse_bits(decltype(i)::value, Bits);
        if constexpr (other > decltype(i)::value) {
            const V kept = x[i.value];
            x[i.value] = x[other];
            x[other] = kept;
        }
    });
}

}  // namespace
}  // namespace obscura::ring
