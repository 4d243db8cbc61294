#include "ring/ntt_table.hpp"

#include <cassert>

#include "ring/primes.hpp"

namespace obscura::ring {

namespace {

/// A primitive 4N-th root of unity modulo q.
u32 primitive_root(u32 q, u32 degree) {
    for (u32 g = 2;; ++g) {
        const u32 zeta = pow_mod(g, (q - 1) / (4ull * degree), q);
        if (pow_mod(zeta, 2ull * degree, q) == q - 1) return zeta;
    }
}

Twiddles make_twiddles(u32 degree) {
    Twiddles t;
    for (auto* v : {&t.head, &t.head_quotient}) v->resize(head_slots + 1);
    for (auto* v : {&t.tail, &t.tail_quotient}) v->resize(degree - head_slots + 1);
    return t;
}

}  // namespace

Modulus make_modulus(u32 q) {
    u32 inverse = 1;  // Newton iteration doubles the correct low bits: 1, 2, 4, 8, 16, 32
    for (int i = 0; i < 5; ++i) inverse *= 2 - q * inverse;
    const u32 r = static_cast<u32>((u64{1} << 32) % q);
    return {q, 0u - inverse, r, mul_mod(r, r, q)};
}

std::size_t tail_index(int depth, u32 residue, int log_degree) {
    const std::size_t rows = std::size_t{1} << (log_degree - head_stages);
    const std::size_t nodes_before = (std::size_t{1} << (depth - head_stages)) - 1;  // of a slot of the column
    const u32 row = residue / head_slots, slot = residue % head_slots;
    return (slot / column_slots * (rows - 1) + nodes_before + row) * column_slots + slot % column_slots;
}

NttTable make_ntt_table(int log_degree, u32 q) {
    assert(log_degree > head_stages && log_degree <= 17 && is_prime(q) && (q - 1) % (4ull << log_degree) == 0);
    const u32 n = 1u << log_degree;
    const u32 zeta = primitive_root(q, n);
    std::vector<u32> power(4 * n);
    power[0] = 1;
    for (u32 i = 1; i < 4 * n; ++i) power[i] = mul_mod(power[i - 1], zeta, q);

    NttTable t{make_modulus(q), log_degree, make_factor(power[n], q), make_twiddles(n), make_twiddles(n), {}, {}};
    for (int depth = 0; depth < log_degree; ++depth) {
        u64 exponent = n >> (depth + 1);
        if (depth == 0) exponent += 3 * n;  // zeta^{3N} = -I
        for (u32 j = 0; j < 1u << depth; ++j, exponent = exponent * 5 % (4ull * n)) {
            const bool head = depth < head_stages;
            const std::size_t at = head ? (1u << depth) + j : tail_index(depth, j, log_degree);
            const auto put = [&](Twiddles& twiddles, u32 value) {
                const Factor f = make_factor(value, q);
                (head ? twiddles.head : twiddles.tail)[at] = f.value;
                (head ? twiddles.head_quotient : twiddles.tail_quotient)[at] = f.quotient;
            };
            put(t.forward, power[exponent]);
            put(t.inverse, power[(4ull * n - exponent) % (4ull * n)]);
        }
    }
    if (log_degree < min_log_degree52) return t;
    t.forward52 = make_forward_twiddles52(t.forward, log_degree, q);
    t.inverse52 = make_inverse_twiddles52(t.inverse, log_degree, q);
    return t;
}

std::shared_ptr<const NttTable> NttTables::get(int log_degree, u32 q) {
    auto& table = tables_[{log_degree, q}];
    if (!table) table = std::make_shared<const NttTable>(make_ntt_table(log_degree, q));
    return table;
}

InverseScale make_inverse_scale(const NttTable& table, u32 factor) {
    const u32 q = table.modulus.q, n = 1u << table.log_degree;
    const u32 half = mul_mod(factor % q, inverse_mod(2 * n, q), q);
    const u32 i = table.imaginary.value;
    return {make_factor(half, q), make_factor(mul_mod(half, i, q), q), make_factor(add_mod(half, half, q), q),
            make_factor(mul_mod(half, sub_mod(1, i, q), q), q)};
}

}  // namespace obscura::ring
