#include "ring/primes.hpp"

#include <gmp.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "ring/modular.hpp"

namespace obscura::ring {
namespace {

TEST(Primes, SmallNumbers) {
    const int primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47};
    int found = 0;
    for (int n = 0; n < 50; ++n)
        if (is_prime(static_cast<std::uint64_t>(n))) {
            EXPECT_EQ(n, primes[found++]);
        }
    EXPECT_EQ(found, 15);
}

TEST(Primes, LargestFirstAndOneModuloFourN) {
    for (int log_degree = 10; log_degree <= 17; ++log_degree) {
        const auto primes = ntt_primes(log_degree, 40);
        ASSERT_EQ(primes.size(), 40u);
        std::uint64_t candidate = (std::uint64_t{1} << prime_bits) + 1;
        const std::uint64_t step = std::uint64_t{4} << log_degree;
        for (const u32 q : primes) {
            for (candidate -= step; candidate != q; candidate -= step) {  // none was left out
                mpz_t n;
                mpz_init_set_ui(n, candidate);
                EXPECT_EQ(mpz_probab_prime_p(n, 25), 0) << candidate;
                mpz_clear(n);
            }
            EXPECT_TRUE(is_prime(q));
            EXPECT_EQ((q - 1) % step, 0u);
        }
    }
}

TEST(Primes, TooManyIsAnError) {
    try {
        ntt_primes(17, 4000);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::range);
    }
}

TEST(Modular, ConstantsOfAModulus) {
    for (const u32 q : ntt_primes(15, 10)) {
        const Modulus m = make_modulus(q);
        EXPECT_EQ(m.neg_inverse * q, ~u32{0});  // -1 modulo 2^32
        EXPECT_EQ(m.r, (u64{1} << 32) % q);
        EXPECT_EQ(m.r2, mul_mod(m.r, m.r, q));
        EXPECT_EQ(montgomery_reduce(static_cast<u64>(m.r2) * 5, m) % q, mul_mod(m.r, 5, q));
        EXPECT_EQ(mul_mod(inverse_mod(12345, q), 12345, q), 1u);
        const Factor f = make_factor(q - 2, q);
        for (const u32 y : {0u, 1u, q - 1, q, 2 * q - 1, 4 * q - 1, ~0u}) {
            EXPECT_LT(mul_factor_lazy(y, f, q), 2 * q);
            EXPECT_EQ(mul_factor_lazy(y, f, q) % q, static_cast<u64>(y) * (q - 2) % q);
        }
    }
}

}  // namespace
}  // namespace obscura::ring
