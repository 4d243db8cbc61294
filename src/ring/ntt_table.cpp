#include "ring/ntt_table.hpp"

#include <algorithm>
#include <cassert>

#include "ring/primes.hpp"

namespace obscura::ring {

namespace {

/// Exponents of all tree nodes 1 .. 2N-1.
std::vector<u32> node_exponents(int log_degree) {
    const u32 n = 1u << log_degree;
    std::vector<u32> e(2 * n);
    e[1] = n;
    for (u32 node = 1; node < n; ++node) {
        e[2 * node] = e[node] / 2;
        e[2 * node + 1] = e[node] / 2 + 2 * n;
    }
    return e;
}

/// A primitive 4N-th root of unity modulo q.
u32 primitive_root(u32 q, u32 degree) {
    for (u32 g = 2;; ++g) {
        const u32 zeta = pow_mod(g, (q - 1) / (4ull * degree), q);
        if (pow_mod(zeta, 2ull * degree, q) == q - 1) return zeta;
    }
}

}  // namespace

Modulus make_modulus(u32 q) {
    u32 inverse = 1;  // Newton iteration doubles the correct low bits: 1, 2, 4, 8, 16, 32
    for (int i = 0; i < 5; ++i) inverse *= 2 - q * inverse;
    const u32 r = static_cast<u32>((u64{1} << 32) % q);
    return {q, 0u - inverse, r, mul_mod(r, r, q)};
}

BlockLine block_line(int line, int log_degree) {
    const int bits = log_degree - 8, fixed = std::max(0, bits - 4);
    BlockLine result{0, 1 << (fixed + 1) / 2};
    for (int i = 0; i < fixed; ++i)
        if (line >> (fixed - 1 - i) & 1) result.first |= 1 << (i % 2 == 0 ? i / 2 : bits - 1 - i / 2);
    return result;
}

u32 block_place(u32 block, int log_degree) {
    const int bits = log_degree - 8, fixed = std::max(0, bits - 4);
    u32 line = 0;
    for (int i = 0; i < fixed; ++i) line = 2 * line + (block >> (i % 2 == 0 ? i / 2 : bits - 1 - i / 2) & 1);
    return line * order_line + (block >> (fixed + 1) / 2) % order_line;
}

u32 leaf_position(u32 leaf, int log_degree) {
    const u32 n = 1u << log_degree, chunk = n / order_chunks;
    const u32 c = leaf / (n / order_classes), in_class = leaf % (n / order_classes);
    return c * (n / order_classes) + (in_class % order_rows) * chunk + block_place(in_class / order_rows, log_degree);
}

std::vector<u32> leaf_exponents(int log_degree) {
    const auto e = node_exponents(log_degree);
    return {e.begin() + (1u << log_degree), e.end()};
}

NttTable make_ntt_table(int log_degree, u32 q) {
    assert(log_degree >= 9 && log_degree <= 17 && is_prime(q) && (q - 1) % (4ull << log_degree) == 0);
    const u32 n = 1u << log_degree;
    NttTable t;
    t.modulus = make_modulus(q);
    t.log_degree = log_degree;
    const u32 zeta = primitive_root(q, n);
    std::vector<u32> power(4 * n);
    power[0] = 1;
    for (u32 i = 1; i < 4 * n; ++i) power[i] = mul_mod(power[i - 1], zeta, q);
    t.imaginary = make_factor(power[n], q);
    const auto e = node_exponents(log_degree);

    const u32 tree_nodes = n / 32;
    for (auto* v : {&t.tree, &t.tree_quotient, &t.inverse_tree, &t.inverse_tree_quotient}) v->resize(tree_nodes);
    for (u32 node = 1; node < tree_nodes; ++node) {
        u32 exponent = e[node] / 2;
        if (node == 1) exponent += 3 * n;  // zeta^{3N} = -I
        const u32 w = power[exponent % (4 * n)], inverse = power[(8 * n - exponent) % (4 * n)];
        t.tree[node] = w;
        t.tree_quotient[node] = make_factor(w, q).quotient;
        t.inverse_tree[node] = inverse;
        t.inverse_tree_quotient[node] = make_factor(inverse, q).quotient;
    }

    const u32 chunk = n / order_chunks;
    for (auto* v : {&t.tail, &t.tail_quotient, &t.inverse_tail, &t.inverse_tail_quotient}) v->resize(31 * (n / 32));
    for (u32 s = 0; s < 5; ++s)
        for (u32 c = 0; c < order_classes; ++c)
            for (u32 j = 0; j < (1u << s); ++j)
                for (u32 b = 0; b < chunk; ++b) {
                    const u32 node = ((n / 32) << s) + ((c * chunk + b) << s) + j;
                    const u32 at = ((1u << s) - 1) * (n / 32) + ((c << s) + j) * chunk + block_place(b, log_degree);
                    const u32 w = power[e[node] / 2], inverse = power[(4 * n - e[node] / 2) % (4 * n)];
                    t.tail[at] = w;
                    t.tail_quotient[at] = make_factor(w, q).quotient;
                    t.inverse_tail[at] = inverse;
                    t.inverse_tail_quotient[at] = make_factor(inverse, q).quotient;
                }
    return t;
}

InverseScale make_inverse_scale(const NttTable& table, u32 factor) {
    const u32 q = table.modulus.q, n = 1u << table.log_degree;
    const u32 half = mul_mod(factor % q, inverse_mod(2 * n, q), q);
    const u32 i = table.imaginary.value;
    return {make_factor(half, q), make_factor(mul_mod(half, i, q), q), make_factor(add_mod(half, half, q), q),
            make_factor(mul_mod(half, sub_mod(1, i, q), q), q)};
}

}  // namespace obscura::ring
