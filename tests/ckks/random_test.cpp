#include "ckks/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "ring/primes.hpp"

/// Seeds are fixed, so these tests always see the same samples; bounds are such that a right sampler misses them for
/// fewer than one seed in a million.
namespace obscura::ckks::test {
namespace {

constexpr Seed seed_of(std::uint8_t first) {
    Seed seed{};
    for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::uint8_t>(first + i);
    return seed;
}

std::vector<std::uint32_t> words(RandomStream&& stream, std::size_t count) {
    std::vector<std::uint32_t> out(count);
    for (auto& w : out) w = stream.next_u32();
    return out;
}

double chi_square(const std::vector<std::size_t>& counts, double expected) {
    double sum = 0;
    for (const auto count : counts) sum += std::pow(static_cast<double>(count) - expected, 2) / expected;
    return sum;
}

/// RFC 8439: appendix A.1 vectors 1 and 5 (zero key, first block), and section 2.3.2 (key 00 01 .. 1f, second block).
TEST(RandomStream, IsChaCha20) {
    const Seed zero{};
    EXPECT_EQ(words(RandomStream(zero, 0, 0), 4),
              (std::vector<std::uint32_t>{0xade0b876, 0x903df1a0, 0xe56a5d40, 0x28bd8653}));
    EXPECT_EQ(words(RandomStream(zero, 0, std::uint64_t{2} << 56), 2),
              (std::vector<std::uint32_t>{0x374dc6c2, 0x3736d58c}));
    const auto second_block = words(RandomStream(seed_of(0), 0x09000000, 0x4a000000), 20);
    EXPECT_EQ(std::vector<std::uint32_t>(second_block.begin() + 16, second_block.end()),
              (std::vector<std::uint32_t>{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3}));
}

TEST(RandomStream, SameSeedRepeatsAndAnythingElseDiffers) {
    constexpr std::size_t count = 5000;  // several refills of the buffer
    const auto base = words(RandomStream(seed_of(1), 7, 9), count);
    EXPECT_EQ(words(RandomStream(seed_of(1), 7, 9), count), base);
    std::set<std::vector<std::uint32_t>> others{base};
    for (int bit = 0; bit < 32; ++bit)
        EXPECT_TRUE(others.insert(words(RandomStream(seed_of(1), 7 ^ (1u << bit), 9), count)).second) << bit;
    for (int bit = 0; bit < 64; ++bit)
        EXPECT_TRUE(others.insert(words(RandomStream(seed_of(1), 7, 9 ^ (std::uint64_t{1} << bit)), count)).second)
            << bit;
    for (std::size_t byte = 0; byte < 32; ++byte) {
        Seed seed = seed_of(1);
        seed[byte] ^= 1;
        EXPECT_TRUE(others.insert(words(RandomStream(seed, 7, 9), count)).second) << byte;
    }
    // Words that repeat inside a stream would show a block counter that stands still: 5000 of 2^32 collide with
    // probability 0.003, all of a block never.
    EXPECT_FALSE(std::equal(base.begin(), base.begin() + 16, base.begin() + 1024));
    EXPECT_GT(std::set<std::uint32_t>(base.begin(), base.end()).size(), count - 3);
}

TEST(RandomStream, WideWordsAreTwoNarrowOnes) {
    const auto narrow = words(RandomStream(seed_of(2), 1, 1), 6);
    RandomStream stream(seed_of(2), 1, 1);
    for (std::size_t i = 0; i < 6; i += 2)
        EXPECT_EQ(stream.next_u64(), narrow[i] | static_cast<std::uint64_t>(narrow[i + 1]) << 32);
}

TEST(FreshSeed, DiffersEveryTime) {
    std::set<Seed> seeds;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(seeds.insert(fresh_seed()).second);
}

/// Chi-square over 64 equal ranges has 63 degrees of freedom: mean 63, deviation 11.2; 6.5 deviations allow for its
/// skewness. Rejection must not bend the distribution near the prime either: the last range is as full as the others.
TEST(Uniform, ResiduesAreUniformBelowThePrime) {
    constexpr std::size_t count = 1 << 20, bins = 64;
    for (const std::uint32_t q :
         {ring::ntt_primes(15, 30).back(), ring::ntt_primes(10, 1).front(), 754974721u, 536'609u}) {
        std::vector<std::uint32_t> v(count);
        RandomStream(seed_of(3), 1, q).uniform(q, v);
        std::vector<std::size_t> filled(bins), low_bits(bins);
        for (const auto r : v) {
            ASSERT_LT(r, q);
            ++filled[static_cast<std::size_t>(static_cast<std::uint64_t>(r) * bins / q)];
            ++low_bits[r % bins];
        }
        constexpr double limit = 63 + 6.5 * 11.2;
        EXPECT_LT(chi_square(filled, static_cast<double>(count) / bins), limit) << q;
        EXPECT_LT(chi_square(low_bits, static_cast<double>(count) / bins), limit) << q;
        EXPECT_LT(q - *std::max_element(v.begin(), v.end()), (q / count + 1) * 20);  // exp(-20) to miss
    }
}

/// Loading keys once took minutes: residues below a 20-bit prime were drawn from 30 bits, a thousand to keep one.
TEST(Uniform, SmallPrimesDoNotWasteDraws) {
    constexpr std::uint32_t q = 536'609;
    constexpr std::size_t count = 1 << 14;
    std::vector<std::uint32_t> v(count), words(5 * count / 2);
    RandomStream used(seed_of(5), 1, 0), fresh(seed_of(5), 1, 0);
    used.uniform(q, v);
    for (auto& word : words) word = fresh.next_u32();
    EXPECT_TRUE(std::find(words.begin(), words.end(), used.next_u32()) != words.end())
        << "more than 2.5 draws a residue";
}

/// Two degrees of freedom exceed x with probability exp(-x/2): 1e-7 at 32. Eight (pairs of neighbours) at 48.
TEST(Ternary, IsUniformAndNeighboursAreIndependent) {
    constexpr std::size_t count = 300'000;
    std::vector<std::int8_t> v(count);
    RandomStream stream(seed_of(4), 0, 0);
    sample_ternary(stream, v);
    std::vector<std::size_t> single(3), pairs(9);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_GE(v[i], -1);
        ASSERT_LE(v[i], 1);
        ++single[static_cast<std::size_t>(v[i] + 1)];
        if (i % 2 == 1) ++pairs[static_cast<std::size_t>(3 * (v[i - 1] + 1) + v[i] + 1)];
    }
    EXPECT_LT(chi_square(single, count / 3.0), 32);
    EXPECT_LT(chi_square(pairs, count / 18.0), 48);
}

class Gaussian : public ::testing::Test {
  protected:
    static constexpr std::size_t count = 1 << 20;
    static constexpr int tail = 41;  // 13 sigma
    static constexpr double n = count;

    Gaussian() : samples(count) {
        RandomStream stream(seed_of(5), 2, 3);
        sample_gaussian(stream, samples);
        double total = 0;
        for (int x = -tail; x <= tail; ++x) total += weight(x);
        for (int x = -tail; x <= tail; ++x) probability[x] = weight(x) / total;
        for (const auto e : samples) ++counts[e];
    }
    static double weight(int x) { return std::exp(-x * x / (2 * 3.2 * 3.2)); }

    std::vector<std::int8_t> samples;
    std::map<int, double> probability;
    std::map<int, double> counts;
};

/// The mean of n samples deviates by sigma / sqrt(n), their variance by sigma^2 sqrt(2 / n); the discrete Gaussian's
/// variance is sigma^2 up to exp(-2 pi^2 sigma^2).
TEST_F(Gaussian, MeanAndVariance) {
    double sum = 0, squares = 0;
    for (const auto e : samples) {
        sum += e;
        squares += e * e;
    }
    EXPECT_LT(std::abs(sum / n), 6 * 3.2 / std::sqrt(n));
    EXPECT_LT(std::abs(squares / n - 10.24), 6 * 10.24 * std::sqrt(2 / n));
}

/// Counts are binomial. Values with an expectation of 25 and more are nearly normal: six deviations each. The rest is
/// taken together, by sign.
TEST_F(Gaussian, EveryValueHasItsFrequency) {
    double rare_expected[2] = {0, 0}, rare_found[2] = {0, 0};
    int checked = 0;
    for (const auto& [x, p] : probability) {
        if (n * p < 25) {
            rare_expected[x > 0] += n * p;
            rare_found[x > 0] += counts[x];
            continue;
        }
        EXPECT_LT(std::abs(counts[x] - n * p), 6 * std::sqrt(n * p * (1 - p))) << x;
        ++checked;
    }
    EXPECT_GE(checked, 25);
    for (const int sign : {0, 1}) {
        EXPECT_GT(rare_expected[sign], 10);
        EXPECT_LT(std::abs(rare_found[sign] - rare_expected[sign]), 6 * std::sqrt(rare_expected[sign]));
    }
}

/// Of 2^20 samples the largest is beyond 4 sigma (else: exp(-66)) and below 7 sigma (2.7e-6 otherwise); nothing is ever
/// beyond the cut.
TEST_F(Gaussian, TailIsThereAndIsCut) {
    int largest = 0;
    for (const auto e : samples) largest = std::max(largest, std::abs(int{e}));
    EXPECT_GT(largest, 4 * 3.2);
    EXPECT_LT(largest, 7 * 3.2);
    EXPECT_LE(largest, tail);
}

/// The product of two neighbours has mean 0 and deviation sigma^2.
TEST_F(Gaussian, NeighboursAreUncorrelated) {
    double sum = 0;
    for (std::size_t i = 1; i < count; ++i) sum += samples[i - 1] * samples[i];
    EXPECT_LT(std::abs(sum / n), 6 * 10.24 / std::sqrt(n));
}

/// A sample takes one 64-bit word whatever its value: two calls continue one stream.
TEST_F(Gaussian, TakesOneWideWordASample) {
    std::vector<std::int8_t> first(100), second(100);
    RandomStream stream(seed_of(5), 2, 3);
    sample_gaussian(stream, first);
    sample_gaussian(stream, second);
    EXPECT_TRUE(std::equal(first.begin(), first.end(), samples.begin()));
    EXPECT_TRUE(std::equal(second.begin(), second.end(), samples.begin() + 100));
}

}  // namespace
}  // namespace obscura::ckks::test
