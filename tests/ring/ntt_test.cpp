#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "ring/automorphism.hpp"
#include "ring_test_support.hpp"

/// The transform against its definition in ntt_table.hpp.
namespace obscura::ring {
namespace {

u32 first_prime(int log_degree) {
    return ntt_primes(log_degree, 1)[0];
}

/// The primitive 4N-th root of unity that tables use: the first generator in order that gives one.
u32 primitive_root(u32 q, u32 degree) {
    for (u32 g = 2;; ++g) {
        const u32 zeta = pow_mod(g, (q - 1) / (u64{4} * degree), q);
        if (pow_mod(zeta, u64{2} * degree, q) == q - 1) return zeta;
    }
}

/// Reduces Y^k + Y^-k to index and sign; index N stands for zero.
struct Term {
    u32 index;
    bool negative;
};
Term reduce_term(u64 k, u32 degree) {
    k %= u64{4} * degree;
    if (k > u64{2} * degree) k = u64{4} * degree - k;
    if (k > degree) return {static_cast<u32>(2 * degree - k), true};
    return {static_cast<u32>(k), false};
}

/// Product in Z_q[Y + 1/Y], Y^2N = -1, from (Y^i + Y^-i)(Y^j + Y^-j) = [i + j] + [i - j], [0] = 2.
std::vector<u32> schoolbook(const std::vector<u32>& a, const std::vector<u32>& b, u32 q) {
    const u32 n = static_cast<u32>(a.size());
    std::vector<u32> out(n + 1);
    const auto put = [&](u64 k, u32 v) {
        const Term term = reduce_term(k, n);
        out[term.index] = term.negative ? sub_mod(out[term.index], v, q) : add_mod(out[term.index], v, q);
    };
    for (u32 i = 0; i < n; ++i)
        for (u32 j = 0; j < n; ++j) {
            const u32 v = mul_mod(a[i], b[j], q);
            if (i == 0 || j == 0) {
                put(i + j, v);
            } else {
                put(i + j, v);
                put(i > j ? i - j : j - i, i == j ? add_mod(v, v, q) : v);
            }
        }
    out.pop_back();
    return out;
}

class Ntt : public ::testing::TestWithParam<const Kernels*> {
  protected:
    const Kernels& k = *GetParam();
    Random random{7};
};

TEST_P(Ntt, EvaluatesAtTheExponentsOfTheLeaves) {
    for (const int log_degree : {10, 11, 12}) {
        const u32 n = 1u << log_degree, q = first_prime(log_degree), zeta = primitive_root(q, n);
        const NttTable t = make_ntt_table(log_degree, q);
        auto in = boundary_words(random, n, q, q);
        Words<u32> out(n);
        k.ntt_forward(t, in, out);
        const auto exponents = leaf_exponents(log_degree);
        for (u32 leaf = 0; leaf < n; leaf += leaf < 64 ? 1 : 37) {
            const u32 y = pow_mod(zeta, exponents[leaf], q), inverse = inverse_mod(y, q);
            u32 value = in[0], up = 1, down = 1;
            for (u32 i = 1; i < n; ++i) {
                up = mul_mod(up, y, q);
                down = mul_mod(down, inverse, q);
                value = add_mod(value, mul_mod(in[i], add_mod(up, down, q), q), q);
            }
            ASSERT_EQ(out[leaf_position(leaf, log_degree)], value) << "leaf " << leaf << " of 2^" << log_degree;
        }
    }
}

TEST_P(Ntt, MultipliesRingElements) {
    for (const int log_degree : {9, 10, 12}) {
        const u32 n = 1u << log_degree, q = first_prime(log_degree);
        const NttTable t = make_ntt_table(log_degree, q);
        auto a = boundary_words(random, n, q, q), b = boundary_words(random, n, q, q);
        const auto expected = schoolbook(a.vector(), b.vector(), q);
        k.ntt_forward(t, a, a);
        k.ntt_forward(t, b, b);
        k.multiply(t.modulus, a, b, a, n);
        k.ntt_inverse(t, make_inverse_scale(t, t.modulus.r), a, a);  // r cancels the 1/2^32 of the product
        ASSERT_EQ(a.vector(), expected) << "2^" << log_degree;
    }
}

TEST_P(Ntt, RoundTripsWithScale) {
    for (int log_degree = 9; log_degree <= 17; ++log_degree) {
        const u32 n = 1u << log_degree, q = first_prime(log_degree), factor = 987654321 % q;
        const NttTable t = make_ntt_table(log_degree, q);
        auto in = boundary_words(random, n, q, q);
        Words<u32> out(n);
        Words<i32> centred(n);
        k.ntt_forward(t, in, out);
        k.ntt_inverse_centred(t, make_inverse_scale(t, factor), out, centred);
        k.ntt_inverse(t, make_inverse_scale(t, 1), out, out);
        ASSERT_EQ(out.vector(), in.vector());
        for (u32 i = 0; i < n; ++i) {
            ASSERT_EQ(reduce_signed(centred[i], q), mul_mod(in[i], factor, q));
            ASSERT_LE(2 * std::abs(static_cast<i64>(centred[i])), static_cast<i64>(q));
        }
    }
}

TEST_P(Ntt, AutomorphismsMoveWholeChunks) {
    for (const int log_degree : {10, 12, 13}) {
        const u32 n = 1u << log_degree, q = first_prime(log_degree), chunk = n / order_chunks;
        const NttTable t = make_ntt_table(log_degree, q);
        auto a = boundary_words(random, n, q, q);
        Words<u32> values(n), rotated(n);
        k.ntt_forward(t, a, values);
        const auto exponents = leaf_exponents(log_degree);
        std::vector<u32> position(4 * n);
        for (u32 leaf = 0; leaf < n; ++leaf) position[exponents[leaf]] = leaf_position(leaf, log_degree);
        for (const u32 steps : {1u, 2u, 5u, 16u, 31u}) {
            u64 g = 1;
            for (u32 i = 0; i < n / 32 * steps; ++i) g = g * 5 % (4 * n);
            // Y -> Y^g on coefficients
            Words<u32> image(n);
            for (u32 i = 0; i < n; ++i) {
                const Term term = reduce_term(i * g, n);
                image[term.index] = term.negative ? sub_mod(0, a[i], q) : a[i];
            }
            k.ntt_forward(t, image, rotated);
            std::vector<u32> source(order_chunks, ~0u);
            for (u32 leaf = 0; leaf < n; ++leaf) {
                const u32 to = leaf_position(leaf, log_degree),
                          from = position[static_cast<u32>(exponents[leaf] * g % (4 * n))];
                ASSERT_EQ(from % chunk, to % chunk);
                u32& s = source[to / chunk];
                if (s == ~0u) s = from / chunk;
                ASSERT_EQ(s, from / chunk) << "chunk " << to / chunk << " is not moved as a whole";
                ASSERT_EQ(rotated[to], values[from]);
            }
            ASSERT_EQ(std::set<u32>(source.begin(), source.end()).size(), std::size_t{order_chunks});
        }
    }
}

/// Half a row of pixels: short runs want rotations by less than a chunk.
TEST(Automorphism, MovesPartsOfChunksAndLines) {
    const struct {
        int log_degree, divisor;
        std::size_t part;  // 0: single words
    } expected[] = {{15, 32, 128}, {15, 64, 32}, {15, 128, 8}, {15, 256, 0}, {16, 64, 64},
                    {16, 128, 16}, {14, 64, 16}, {13, 32, 32}, {12, 32, 16}};
    for (const auto& e : expected) {
        const Automorphism a = make_automorphism(e.log_degree, 3 * (1 << e.log_degree) / e.divisor);
        EXPECT_EQ(a.part_source.empty() ? 0 : std::size_t{1} << a.part_log, e.part)
            << "N = 2^" << e.log_degree << ", N / " << e.divisor;
    }
}

/// Results must not change from one version to the next: stored keys and ciphertexts depend on the order.
TEST_P(Ntt, GoldenValues) {
    struct Golden {
        int log_degree;
        u64 hash;
    };
    for (const Golden& golden : {Golden{15, 11478838151957726824ull}, Golden{16, 17399641643727028675ull}}) {
        const u32 n = 1u << golden.log_degree, q = first_prime(golden.log_degree);
        const NttTable t = make_ntt_table(golden.log_degree, q);
        Words<u32> a(n);
        for (u32 i = 0; i < n; ++i) a[i] = static_cast<u32>(u64{i} * 2654435761u % q);
        k.ntt_forward(t, a, a);
        u64 hash = 14695981039346656037ull;  // FNV-1a
        for (u32 i = 0; i < n; ++i) hash = (hash ^ a[i]) * 1099511628211ull;
        EXPECT_EQ(hash, golden.hash) << "2^" << golden.log_degree;
    }
}

std::string name_of(const ::testing::TestParamInfo<const Kernels*>& info) {
    return test_name(*info.param);
}
INSTANTIATE_TEST_SUITE_P(All, Ntt, ::testing::ValuesIn(kernels_under_test()), name_of);

RC_GTEST_PROP(NttProperties, IsLinear, ()) {
    static const NttTable t = make_ntt_table(12, first_prime(12));
    const u32 n = 1u << 12, q = t.modulus.q;
    const Kernels& k = default_kernels();
    Random random(*rc::gen::arbitrary<u64>());
    auto a = boundary_words(random, n, q, q), b = boundary_words(random, n, q, q);
    const u32 factor = *rc::gen::inRange<u32>(0, q);
    Words<u32> combined(n), expected(n);
    k.scale(t.modulus, make_factor(factor, q), a, combined, n);
    k.add(q, combined, b, combined, n);
    k.ntt_forward(t, combined, combined);
    k.ntt_forward(t, a, a);
    k.ntt_forward(t, b, b);
    k.scale(t.modulus, make_factor(factor, q), a, expected, n);
    k.add(q, expected, b, expected, n);
    RC_ASSERT(combined.vector() == expected.vector());
}

}  // namespace
}  // namespace obscura::ring
