#include <algorithm>
#include <cassert>
#include <vector>

#include "ring/bit_reversal.hpp"
#include "ring/kernels/kernels.hpp"

/// The reference: each function is its definition, with no regard to speed beyond that.
namespace obscura::ring {

namespace {

u32 reduce(u32 v, u32 q) {
    return v % q;
}

i32 centre(u32 v, u32 q) {
    return v > q / 2 ? static_cast<i32>(v) - static_cast<i32>(q) : static_cast<i32>(v);
}

u32 montgomery(u32 a, u32 b, const Modulus& m) {
    return montgomery_reduce(static_cast<u64>(a) * b, m) % m.q;
}

/// Twiddle of residue j modulo 2^depth.
u32 twiddle(const Twiddles& twiddles, int depth, u32 j, int log_degree) {
    return depth < head_stages ? twiddles.head[(1u << depth) + j] : twiddles.tail[tail_index(depth, j, log_degree)];
}

void ntt_forward(const NttTable& t, const u32* in, u32* out, const NextLimbs& /*next*/) {
    const u32 q = t.modulus.q, n = 1u << t.log_degree, i = t.imaginary.value;
    std::vector<u32> a(n);
    a[0] = reduce(in[0], q);
    for (u32 j = 1; j < n / 2; ++j) {
        const u32 x = reduce(in[j], q), y = mul_mod(reduce(in[n - j], q), i, q);
        a[j] = sub_mod(x, y, q);
        a[n - j] = add_mod(x, y, q);  // times -I by the first twiddle
    }
    a[n / 2] = mul_mod(reduce(in[n / 2], q), i + 1, q);
    for (int depth = 0; depth < t.log_degree; ++depth) {
        const u32 half = n >> (depth + 1);
        for (u32 node = 0; node < (1u << depth); ++node) {
            const u32 w = twiddle(t.forward, depth, reverse_bits(node, depth), t.log_degree);
            for (u32 j = 2 * node * half; j < (2 * node + 1) * half; ++j) {
                const u32 x = a[j], y = mul_mod(a[j + half], w, q);
                a[j] = add_mod(x, y, q);
                a[j + half] = sub_mod(x, y, q);
            }
        }
    }
    for (u32 leaf = 0; leaf < n; ++leaf) out[reverse_bits(leaf, t.log_degree)] = a[leaf];
}

void ntt_inverse(const NttTable& t, const InverseScale& scale, const u32* in, u32* out, const NextLimbs& /*next*/) {
    const u32 q = t.modulus.q, n = 1u << t.log_degree;
    std::vector<u32> a(n);
    for (u32 leaf = 0; leaf < n; ++leaf) a[leaf] = reduce(in[reverse_bits(leaf, t.log_degree)], q);
    for (int depth = t.log_degree; depth-- > 0;) {
        const u32 half = n >> (depth + 1);
        for (u32 node = 0; node < (1u << depth); ++node) {
            const u32 w = twiddle(t.inverse, depth, reverse_bits(node, depth), t.log_degree);
            for (u32 j = 2 * node * half; j < (2 * node + 1) * half; ++j) {
                const u32 x = a[j], y = a[j + half];
                a[j] = add_mod(x, y, q);
                a[j + half] = mul_mod(sub_mod(x, y, q), w, q);
            }
        }
    }
    out[0] = mul_mod(a[0], scale.constant.value, q);
    out[n / 2] = mul_mod(a[n / 2], scale.middle.value, q);
    for (u32 j = 1; j < n / 2; ++j) {
        const u32 x = a[j], y = a[n - j];
        out[j] = mul_mod(add_mod(x, y, q), scale.even.value, q);
        out[n - j] = mul_mod(sub_mod(x, y, q), scale.odd.value, q);
    }
}

void ntt_inverse_centred(const NttTable& t, const InverseScale& scale, const u32* in, i32* out, const NextLimbs& next) {
    const std::size_t n = std::size_t{1} << t.log_degree;
    std::vector<u32> a(n);
    ntt_inverse(t, scale, in, a.data(), next);
    for (std::size_t i = 0; i < n; ++i) out[i] = centre(a[i], t.modulus.q);
}

void scale(const Modulus& m, Factor f, const u32* a, u32* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = mul_mod(a[i], f.value, m.q);
}

void scale_signed(const Modulus& m, Factor f, const i32* a, u32* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = mul_mod(reduce_signed(a[i], m.q), f.value, m.q);
}

void add_scaled(const Modulus& m, Factor f, const i32* a, u32* sum, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) sum[i] += mul_mod(reduce_signed(a[i], m.q), f.value, m.q);
}

void add(u32 q, const u32* a, const u32* b, u32* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = add_mod(a[i], b[i], q);
}

void multiply(const Modulus& m, const u32* a, const u32* b, u32* out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out[i] = montgomery(a[i], b[i], m);
}

void convert(const i32* const* y, int sources, const i32* small, const ConversionTarget* targets, int target_count,
             std::size_t begin, std::size_t end) {
    assert(sources <= max_conversion_sources);
    for (int t = 0; t < target_count; ++t) {
        const ConversionTarget& target = targets[t];
        for (std::size_t n = begin; n < end; ++n) {
            i64 sum = static_cast<i64>(static_cast<u64>(target.modulus->q) << 32);
            for (int i = 0; i < sources; ++i) sum += static_cast<i64>(y[i][n]) * target.factors[i];
            if (small) sum += static_cast<i64>(small[n]) * target.small_factor;
            target.out[n] = montgomery_reduce(static_cast<u64>(sum), *target.modulus);
        }
    }
}

void quotient(const i32* const* y, const i32* reciprocals, int sources, int shift, i32* out, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) {
        i64 sum = i64{1} << (shift - 1);
        for (int i = 0; i < sources; ++i) sum += static_cast<i64>(y[i][n]) * reciprocals[i];
        out[n] = static_cast<i32>(sum >> shift);
    }
}

/// sum0 and sum1 plus the products of word n with both halves of the key, reduced.
void add_key_products(const Modulus& m, const u32* const* digits, const u32* const* key0, const u32* const* key1,
                      int digit_count, u64 sum0, u64 sum1, std::size_t n, u32& out0, u32& out1) {
    for (int j = 0; j < digit_count; ++j) {
        sum0 += static_cast<u64>(digits[j][n]) * key0[j][n];
        sum1 += static_cast<u64>(digits[j][n]) * key1[j][n];
    }
    out0 = montgomery_reduce(sum0, m) % m.q;
    out1 = montgomery_reduce(sum1, m) % m.q;
}
void inner_product(const Modulus& m, const u32* const* digits, const u32* const* key0, const u32* const* key1,
                   int digit_count, const u32* add0, u32 constant, u32* out0, u32* out1, std::size_t count) {
    assert(digit_count <= max_inner_digits);
    for (std::size_t n = 0; n < count; ++n)
        add_key_products(m, digits, key0, key1, digit_count, add0 ? static_cast<u64>(add0[n]) * constant : 0, 0, n,
                         out0[n], out1[n]);
}
void square_inner_product(const Modulus& m, const u32* const* digits, const u32* const* key0, const u32* const* key1,
                          int digit_count, const u32* z0, const u32* z1, u32* out0, u32* out1, std::size_t count) {
    assert(digit_count <= max_inner_digits);
    for (std::size_t n = 0; n < count; ++n) {
        const u64 factor = montgomery(z0[n], m.r2, m);  // z0 2^32: the products lose it again
        add_key_products(m, digits, key0, key1, digit_count, z0[n] * factor,
                         z1[n] * u64{add_mod(static_cast<u32>(factor), static_cast<u32>(factor), m.q)}, n, out0[n],
                         out1[n]);
    }
}

/// [n][pair][low, high].
u32* packed_at(const PanelPair& pair, std::size_t n) {
    return pair.data + 2 * (n * static_cast<std::size_t>(pair.pairs) + static_cast<std::size_t>(pair.index));
}

void pack(u32 x, u32 y, u32* out) {
    out[0] = (x & 0xffff) | (y << 16);
    out[1] = ((x + 0x8000) >> 16) | ((y + 0x8000) & 0xffff0000u);
}

void pack_pair(const u32* a, const u32* b, PanelPair out, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) pack(a[n], b ? b[n] : 0, packed_at(out, n));
}

/// sum_j digits_j[n] key_j[n] / 2^32 mod q.
u32 switched(const Modulus& m, const SwitchedRow& row, const u32* const* key, int digit_count, std::size_t n) {
    assert(digit_count <= max_inner_digits);
    u64 sum = 0;
    for (int j = 0; j < digit_count; ++j)
        sum += static_cast<u64>(row.digits[static_cast<std::size_t>(j)][n]) * key[j][n];
    return montgomery_reduce(sum, m) % m.q;
}

u32 c0_of(const SwitchedRow& row, std::size_t n) {
    return row.c0 ? row.c0[n] : 0;
}

void switch_pair(const Modulus& m, std::span<const SwitchedRow> rows, const u32* const* key0, const u32* const* key1,
                 int digit_count, PanelPair out0, PanelPair out1, std::size_t count) {
    assert(rows.size() <= 2);
    for (std::size_t n = 0; n < count; ++n) {
        u32 c0[2] = {}, c1[2] = {};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            c0[i] = add_mod(switched(m, rows[i], key0, digit_count, n), c0_of(rows[i], n), m.q);
            c1[i] = switched(m, rows[i], key1, digit_count, n);
        }
        pack(c0[0], c0[1], packed_at(out0, n));
        pack(c1[0], c1[1], packed_at(out1, n));
    }
}

void switch_masked(const Modulus& m, const SwitchedRow& row, const u32* const* key0, const u32* const* key1,
                   int digit_count, const u32* mask, bool add, u32* sum0, u32* sum1, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) {
        const u32 c0 = add_mod(switched(m, row, key0, digit_count, n), c0_of(row, n), m.q);
        const u32 c1 = switched(m, row, key1, digit_count, n);
        sum0[n] = add_mod(montgomery(c0, mask[n], m), add ? sum0[n] : 0, m.q);
        sum1[n] = add_mod(montgomery(c1, mask[n], m), add ? sum1[n] : 0, m.q);
    }
}

void matrix_product(const Modulus& m, const Panel* panels, int panel_count, const u32* weights, int outputs,
                    u32* const* outs, bool /*past_caches*/, std::size_t count, Lookahead& /*ahead*/) {
    int pairs = 0;
    for (int p = 0; p < panel_count; ++p) pairs += panels[p].pairs;
    for (int o = 0; o < outputs; ++o) {
        const u32* w =
            weights + static_cast<std::size_t>(o / product_block) * pairs * product_block + o % product_block;
        for (std::size_t n = 0; n < count; ++n) {
            i32 low = 0, high = 0;
            const u32* weight = w;
            for (int p = 0; p < panel_count; ++p)
                for (int k = 0; k < panels[p].pairs; ++k, weight += product_block) {
                    const std::size_t at =
                        2 * (n * static_cast<std::size_t>(panels[p].pairs) + static_cast<std::size_t>(k));
                    const u32 lo = panels[p].data[at], hi = panels[p].data[at + 1];
                    const i32 wa = static_cast<std::int16_t>(*weight & 0xffff),
                              wb = static_cast<std::int16_t>(*weight >> 16);
                    low += static_cast<std::int16_t>(lo & 0xffff) * wa + static_cast<std::int16_t>(lo >> 16) * wb;
                    high += static_cast<std::int16_t>(hi & 0xffff) * wa + static_cast<std::int16_t>(hi >> 16) * wb;
                }
            outs[o][n] = reduce_signed(static_cast<i64>(high) * 65536 + low, m.q);
        }
    }
}

void subtract_scale(const Modulus& m, Factor f, u32 bias, const u32* x, const u32* v, u32* out, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n)
        out[n] = add_mod(mul_mod(sub_mod(x[n], reduce(v[n], m.q), m.q), f.value, m.q), bias, m.q);
}

void subtract_scale_centred(const Modulus& m, Factor f, const u32* x, const u32* v, i32* out, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n)
        out[n] = centre(mul_mod(sub_mod(x[n], reduce(v[n], m.q), m.q), f.value, m.q), m.q);
}

}  // namespace

const Kernels& scalar_kernels() {
    static const Kernels kernels{"scalar",
                                 9,
                                 ntt_forward,
                                 ntt_inverse,
                                 ntt_inverse_centred,
                                 scale,
                                 scale_signed,
                                 add_scaled,
                                 add,
                                 multiply,
                                 convert,
                                 quotient,
                                 inner_product,
                                 square_inner_product,
                                 pack_pair,
                                 switch_pair,
                                 switch_masked,
                                 matrix_product,
                                 subtract_scale,
                                 subtract_scale_centred};
    return kernels;
}

}  // namespace obscura::ring
