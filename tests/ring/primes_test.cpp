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

/// Around powers of two, and composites that pass the strong tests to 2, to 2 and 7, and to 2, 3, 5 and 7.
TEST(Primes, AgreesWithGmp) {
    std::vector<std::uint64_t> numbers{2047, 314'821, 3'215'031'751};
    for (const int bits : {8, 16, 29, 30, 31})
        for (std::uint64_t n = (std::uint64_t{1} << bits) - 200; n < (std::uint64_t{1} << bits) + 20'000; ++n)
            numbers.push_back(n);
    for (std::uint64_t n = (std::uint64_t{1} << 32) - 20'000; n < std::uint64_t{1} << 32; ++n) numbers.push_back(n);
    mpz_t value;
    mpz_init(value);
    for (const std::uint64_t n : numbers) {
        mpz_set_ui(value, n);
        EXPECT_EQ(is_prime(n), mpz_probab_prime_p(value, 25) != 0) << n;
    }
    mpz_clear(value);
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

TEST(Primes, NearestBySize) {
    for (const int log_degree : {10, 15, 17})
        for (const u32 size : {1u << 24, (1u << 26) + 12345, (1u << 30) - 1}) {
            const auto primes = ntt_primes_near(size, log_degree, 12);
            ASSERT_EQ(primes.size(), 12u);
            const auto ratio = [&](u32 q) { return q > size ? double(q) / size : double(size) / q; };
            for (std::size_t i = 1; i < primes.size(); ++i) EXPECT_LE(ratio(primes[i - 1]), ratio(primes[i]));
            // none that is nearer was left out
            const std::uint64_t step = std::uint64_t{4} << log_degree;
            int nearer = 0;
            for (std::uint64_t q = step + 1; q < std::uint64_t{1} << prime_bits; q += step)
                nearer += ratio(static_cast<u32>(q)) < ratio(primes.back()) && is_prime(q) ? 1 : 0;
            EXPECT_EQ(nearer, 11) << size << ", N = 2^" << log_degree;
        }
}

TEST(Primes, TooManyIsAnError) {
    try {
        ntt_primes(17, 4000);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::range);
    }
    EXPECT_THROW(ntt_primes_near(1u << 20, 17, 4000), Error);
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
