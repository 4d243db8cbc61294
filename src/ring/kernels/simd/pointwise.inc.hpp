#pragma once

#include "ring/kernels/simd/arithmetic.inc.hpp"

/// Functions of one word at a time. Counts that are no multiple of the vector width occur in tiny rings only and go to
/// the scalar functions.
namespace obscura::ring {
namespace {

inline bool whole_vectors(std::size_t count) {
    return count % lanes == 0;
}

/// Vectors of the constants of Montgomery reduction.
struct Reducer {
    Vec q, two_q, neg_inverse;
    explicit Reducer(const Modulus& m)
        : q(broadcast(m.q)), two_q(broadcast(2 * m.q)), neg_inverse(broadcast(m.neg_inverse)) {}
    /// Products of residues whose sum is below 4 q^2, and so below q 2^32.
    static constexpr int few_products = 4;
    /// t / 2^32 mod q in [0, q), for t < q 2^32.
    Vec full(Wide t) const { return reduce_once(montgomery_lazy(t, neg_inverse, q), q); }
    /// The same for t < 2^63.
    Vec full_from_63_bits(Wide t) const {
        return reduce_once(reduce_once(montgomery_lazy(t, neg_inverse, q), two_q), q);
    }
};

inline void scale(const Modulus& m, Factor f, const u32* a, u32* out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().scale(m, f, a, out, count);
    const Vec q = broadcast(m.q);
    const Twiddle w = broadcast(f);
    for (std::size_t i = 0; i < count; i += lanes) store(out + i, multiply_full(load(a + i), w, q));
}

inline void scale_signed(const Modulus& m, Factor f, const i32* a, u32* out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().scale_signed(m, f, a, out, count);
    const Vec q = broadcast(m.q);
    const Twiddle w = broadcast(f);
    for (std::size_t i = 0; i < count; i += lanes) store(out + i, multiply_full(add(load(a + i), q), w, q));
}

inline void add_scaled(const Modulus& m, Factor f, const i32* a, u32* sum, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().add_scaled(m, f, a, sum, count);
    const Vec q = broadcast(m.q);
    const Twiddle w = broadcast(f);
    for (std::size_t i = 0; i < count; i += lanes)
        store(sum + i, add(load(sum + i), multiply_full(add(load(a + i), q), w, q)));
}

inline void add_rows(u32 q, const u32* a, const u32* b, u32* out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().add(q, a, b, out, count);
    const Vec modulus = broadcast(q);
    for (std::size_t i = 0; i < count; i += lanes) store(out + i, add_mod_q(load(a + i), load(b + i), modulus));
}

inline void multiply(const Modulus& m, const u32* a, const u32* b, u32* out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().multiply(m, a, b, out, count);
    const Reducer r(m);
    for (std::size_t i = 0; i < count; i += lanes) store(out + i, r.full(multiply_wide(load(a + i), load(b + i))));
}

inline void subtract_scale(const Modulus& m, Factor f, u32 bias, const u32* x, const u32* v, u32* out,
                           std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().subtract_scale(m, f, bias, x, v, out, count);
    const Vec q = broadcast(m.q), three_q = broadcast(3 * m.q), constant = broadcast(bias);
    const Twiddle w = broadcast(f);
    for (std::size_t i = 0; i < count; i += lanes) {
        const Vec difference = sub(add(load(x + i), three_q), load(v + i));
        // the product is below 2q and the bias below q: one subtraction of q from the former, one from the sum
        store(out + i, add_mod_q(multiply_full(difference, w, q), constant, q));
    }
}

inline void subtract_scale_centred(const Modulus& m, Factor f, const u32* x, const u32* v, i32* out,
                                   std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().subtract_scale_centred(m, f, x, v, out, count);
    const Vec q = broadcast(m.q), three_q = broadcast(3 * m.q), half = broadcast(m.q / 2);
    const Twiddle w = broadcast(f);
    for (std::size_t i = 0; i < count; i += lanes) {
        const Vec difference = sub(add(load(x + i), three_q), load(v + i));
        store(out + i, centre(multiply_full(difference, w, q), q, half));
    }
}

/// begin(i, sum0, sum1) starts the sums of the words from i on.
template <bool Few, class Begin>
[[gnu::always_inline]] inline void sum_products(const Reducer& r, const u32* const* digits, const u32* const* key0,
                                                const u32* const* key1, int digit_count, u32* out0, u32* out1,
                                                std::size_t count, Begin&& begin) {
    const auto reduce = [&](Wide sum) { return Few ? r.full(sum) : r.full_from_63_bits(sum); };
    for (std::size_t i = 0; i < count; i += lanes) {
        Wide sum0, sum1;
        begin(i, sum0, sum1);
        for (int j = 0; j < digit_count; ++j) {
            const Vec digit = load(digits[j] + i);
            sum0 = add(sum0, multiply_wide(digit, load(key0[j] + i)));
            sum1 = add(sum1, multiply_wide(digit, load(key1[j] + i)));
        }
        store(out0 + i, reduce(sum0));
        store(out1 + i, reduce(sum1));
    }
}
inline void inner_product(const Modulus& m, const u32* const* digits, const u32* const* key0, const u32* const* key1,
                          int digit_count, const u32* add0, u32 constant, u32* out0, u32* out1, std::size_t count) {
    if (!whole_vectors(count))
        return scalar_kernels().inner_product(m, digits, key0, key1, digit_count, add0, constant, out0, out1, count);
    const Vec factor = broadcast(constant);
    const auto begin = [&](std::size_t i, Wide & sum0, Wide & sum1) __attribute__((always_inline)) {
        sum0 = sum1 = {zero(), zero()};
        if (add0 != nullptr) sum0 = multiply_wide(load(add0 + i), factor);
    };
    const bool few = digit_count + (add0 != nullptr) <= Reducer::few_products;
    const Reducer r(m);
    if (few)
        sum_products<true>(r, digits, key0, key1, digit_count, out0, out1, count, begin);
    else
        sum_products<false>(r, digits, key0, key1, digit_count, out0, out1, count, begin);
}
inline void square_inner_product(const Modulus& m, const u32* const* digits, const u32* const* key0,
                                 const u32* const* key1, int digit_count, const u32* z0, const u32* z1, u32* out0,
                                 u32* out1, std::size_t count) {
    if (!whole_vectors(count))
        return scalar_kernels().square_inner_product(m, digits, key0, key1, digit_count, z0, z1, out0, out1, count);
    const Reducer r(m);
    const Vec to_montgomery = broadcast(m.r2);
    const auto begin = [&](std::size_t i, Wide & sum0, Wide & sum1) __attribute__((always_inline)) {
        const Vec x = load(z0 + i), factor = r.full(multiply_wide(x, to_montgomery));
        sum0 = multiply_wide(x, factor);
        sum1 = multiply_wide(load(z1 + i), add_mod_q(factor, factor, r.q));
    };
    if (digit_count + 1 <= Reducer::few_products)
        sum_products<true>(r, digits, key0, key1, digit_count, out0, out1, count, begin);
    else
        sum_products<false>(r, digits, key0, key1, digit_count, out0, out1, count, begin);
}

}  // namespace
}  // namespace obscura::ring
