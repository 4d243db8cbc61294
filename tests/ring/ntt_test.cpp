#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

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

TEST_P(Ntt, EvaluatesAtThePowersOfFive) {
    for (const int log_degree : {9, 10, 12, 13}) {
        const u32 n = 1u << log_degree, q = first_prime(log_degree), zeta = primitive_root(q, n);
        const NttTable t = make_ntt_table(log_degree, q);
        auto in = boundary_words(random, n, q, q);
        Words<u32> out(n);
        k.ntt_forward(t, in, out);
        u64 exponent = 1;
        for (u32 slot = 0; slot < n; ++slot, exponent = exponent * 5 % (u64{4} * n)) {
            if (slot >= 64 && slot % 37 != 0) continue;
            const u32 y = pow_mod(zeta, exponent, q), inverse = inverse_mod(y, q);
            u32 value = in[0], up = 1, down = 1;
            for (u32 i = 1; i < n; ++i) {
                up = mul_mod(up, y, q);
                down = mul_mod(down, inverse, q);
                value = add_mod(value, mul_mod(in[i], add_mod(up, down, q), q), q);
            }
            ASSERT_EQ(out[slot], value) << "slot " << slot << " of 2^" << log_degree;
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

TEST_P(Ntt, AutomorphismsShiftTheWords) {
    for (const int log_degree : {10, 12, 13}) {
        const u32 n = 1u << log_degree, q = first_prime(log_degree);
        const NttTable t = make_ntt_table(log_degree, q);
        auto a = boundary_words(random, n, q, q);
        Words<u32> values(n), image(n), shifted(n);
        k.ntt_forward(t, a, values);
        for (const int step : {0, 1, 5, 32, 96, -1, static_cast<int>(n / 32)}) {
            u64 g = 1;
            for (u32 i = 0; i < (n + static_cast<u32>(step)) % n; ++i) g = g * 5 % (4 * n);
            // Y -> Y^g on coefficients
            for (u32 i = 0; i < n; ++i) {
                const Term term = reduce_term(i * g, n);
                image[term.index] = term.negative ? sub_mod(0, a[i], q) : a[i];
            }
            k.ntt_forward(t, image, image);
            apply(make_automorphism(log_degree, step), values, shifted);
            ASSERT_EQ(image.vector(), shifted.vector()) << "rotation by " << step << " of 2^" << log_degree;
        }
    }
}

TEST(Automorphism, GathersInPlaceUnlessItWrapsAround) {
    const u32 n = 1024, count = 48;
    std::vector<u32> operand(n), whole(n), scratch(count);
    std::iota(operand.begin(), operand.end(), 0);
    for (const int step : {0, 1, 32, 992, 1023}) {
        const Automorphism a = make_automorphism(10, step);
        apply(a, operand.data(), whole.data());
        for (u32 begin = 0; begin + count <= n; begin += 16) {
            const u32* got = a.gather(operand.data(), begin, count, scratch.data());
            const bool wraps = a.word_of(begin) > a.word_of(begin + count - 1);
            EXPECT_EQ(got == scratch.data(), wraps) << step << " " << begin;
            EXPECT_TRUE(std::equal(got, got + count, whole.begin() + begin)) << step << " " << begin;
        }
    }
}

TEST(Automorphism, MovesPartsAsLongAsThePowerOfTwoInItsStep) {
    EXPECT_EQ(make_automorphism(10, 0).part_words(), 1024u);
    EXPECT_EQ(make_automorphism(10, 512).part_words(), 512u);
    EXPECT_EQ(make_automorphism(10, -96).part_words(), 32u);
    EXPECT_EQ(make_automorphism(10, 7).part_words(), 1u);
}

/// Results must not change from one version to the next: stored keys and ciphertexts depend on the order.
TEST_P(Ntt, GoldenValues) {
    struct Golden {
        int log_degree;
        u64 hash;
    };
    for (const Golden& golden : {Golden{15, 999215693210686340ull}, Golden{16, 2386295569297997589ull}}) {
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

TEST(NttTables, AreMadeOnce) {
    const u32 q = ntt_primes(10, 1)[0];
    NttTables tables;
    const auto first = tables.get(10, q);
    EXPECT_EQ(tables.get(10, q), first);
    EXPECT_NE(tables.get(9, q), first);
    EXPECT_EQ(first->log_degree, 10);
    EXPECT_EQ(first->modulus.q, q);
}

}  // namespace
}  // namespace obscura::ring
