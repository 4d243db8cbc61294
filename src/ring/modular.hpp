#pragma once

#include <cstdint>

/// Scalar arithmetic modulo primes below 2^30; set-up code and the scalar kernels.
namespace obscura::ring {

using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

inline u32 mul_mod(u32 a, u32 b, u32 q) {
    return static_cast<u32>(static_cast<u64>(a) * b % q);
}
inline u32 add_mod(u32 a, u32 b, u32 q) {
    return a + b >= q ? a + b - q : a + b;
}
inline u32 sub_mod(u32 a, u32 b, u32 q) {
    return a >= b ? a - b : a + q - b;
}

inline u32 pow_mod(u32 base, u64 exponent, u32 q) {
    u64 result = 1, b = base % q;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) result = result * b % q;
        b = b * b % q;
    }
    return static_cast<u32>(result);
}

/// Inverse modulo the prime q; a must not be a multiple of q.
inline u32 inverse_mod(u32 a, u32 q) {
    return pow_mod(a, q - 2, q);
}

/// Representative of a residue in (-q/2, q/2].
inline i32 centred(u32 a, u32 q) {
    return static_cast<i32>(a > q / 2 ? a - q : a);
}

/// Representative of a signed value in [0, q).
inline u32 reduce_signed(i64 v, u32 q) {
    const i64 r = v % static_cast<i64>(q);
    return static_cast<u32>(r < 0 ? r + q : r);
}

/// A constant factor with its precomputed quotient floor(value 2^32 / q) (Shoup): y * value mod q then takes two
/// multiplications and no division, with a result in [0, 2q) for any 32-bit y.
struct Factor {
    u32 value = 0;
    u32 quotient = 0;
};
inline Factor make_factor(u32 value, u32 q) {
    return {value, static_cast<u32>((static_cast<u64>(value) << 32) / q)};
}
inline u32 mul_factor_lazy(u32 y, Factor f, u32 q) {
    const u32 h = static_cast<u32>((static_cast<u64>(y) * f.quotient) >> 32);
    return y * f.value - h * q;
}

/// A prime with the constants of Montgomery reduction for R = 2^32.
struct Modulus {
    u32 q = 0;
    u32 neg_inverse = 0;  ///< -1/q mod 2^32
    u32 r = 0;            ///< R mod q
    u32 r2 = 0;           ///< R^2 mod q
};
Modulus make_modulus(u32 q);

/// (t + m q) / 2^32 = t / R mod q; below q + t / 2^32.
inline u32 montgomery_reduce(u64 t, const Modulus& m) {
    const u32 k = static_cast<u32>(t) * m.neg_inverse;
    return static_cast<u32>((t + static_cast<u64>(k) * m.q) >> 32);
}

}  // namespace obscura::ring
