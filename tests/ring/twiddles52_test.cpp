#include <gtest/gtest.h>

#include "ring_test_support.hpp"

/// The bounds that the transforms on 52-bit multipliers rely on.
namespace obscura::ring {
namespace {

constexpr u64 limit = u64{1} << 52;
__extension__ using u128 = unsigned __int128;

u64 high_product(u64 a, u64 b) {
    return static_cast<u64>((u128{a} * b) >> 52);
}

std::vector<u32> some_primes() {
    return {ntt_primes(15, 1)[0], ntt_primes_below(1u << 24, 12, 1)[0], ntt_primes(17, 1)[0]};
}

TEST(Twiddles52, QuotientsReduceAnyFactorBelowTwiceThePrime) {
    Random random{52};
    for (const u32 q : some_primes())
        for (int i = 0; i < 10000; ++i) {
            const u32 value = i == 0 ? 1 : i == 1 ? q - 1 : static_cast<u32>(random() % (q - 1)) + 1;
            const Factor52 f = make_factor52(value, q);
            ASSERT_EQ(f.value, value);
            ASSERT_EQ(f.quotient, static_cast<u64>((u128{value} << 52) / q));
            ASSERT_EQ(high_product(f.quotient, q) + 1, value);
            for (const u64 y : {u64{0}, u64{q}, limit - 1, random() % limit}) {
                const u64 product = (y * value - high_product(y, f.quotient) * q) % limit;
                ASSERT_LT(product, 2ull * q);
                ASSERT_EQ(product % q, static_cast<u64>(u128{y} * value % q));
            }
        }
}

/// The forward transform negates residues of positive numbers, which must therefore not be 0.
TEST(Twiddles52, RemaindersOfPositiveNumbersArePositive) {
    Random random{53};
    for (const u32 q : some_primes())
        for (int i = 0; i < 10000; ++i) {
            const u64 multiple = (random() % (limit / 2 / q) + 1) * q;
            for (const u64 x : {multiple, multiple - 1, multiple + 1, u64{q}, (limit / 2 - 1) / q * q}) {
                const u64 remainder = x - high_product(x, limit / q) * q;
                ASSERT_GT(remainder, 0u);
                ASSERT_LT(remainder, 2ull * q);
                ASSERT_EQ(remainder % q, x % q);
            }
        }
}

}  // namespace
}  // namespace obscura::ring
