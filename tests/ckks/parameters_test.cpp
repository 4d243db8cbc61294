#include "ckks/parameters.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>
#include <stdexcept>

#include "ckks/toy.hpp"
#include "io/scratch.hpp"
#include "ring/primes.hpp"

namespace obscura::ckks::test {
namespace {

using obscura::testing::expect_error;

/// The nearest prime that is 1 mod 4N, from `from` on in the direction of `step` (+1 or -1), and not in `taken`.
std::uint32_t prime_near(int log_degree, double from, int step, const std::set<std::uint32_t>& taken = {}) {
    const std::int64_t m = std::int64_t{4} << log_degree;
    auto q = static_cast<std::int64_t>(from) / m * m + 1;
    if (step < 0 && static_cast<double>(q) > from) q -= m;
    if (step > 0 && static_cast<double>(q) < from) q += m;
    while (!ring::is_prime(static_cast<std::uint64_t>(q)) || taken.contains(static_cast<std::uint32_t>(q)))
        if ((q += step * m) <= 1) throw std::out_of_range("no such prime");
    return static_cast<std::uint32_t>(q);
}

double log2_product(const std::vector<std::uint32_t>& primes) {
    double bits = 0;
    for (const auto q : primes) bits += std::log2(q);
    return bits;
}

/// A set of primes of about equal size whose product is as close to `bits` bits as the last one can make it, from
/// below (step -1) or from above (step +1).
ParametersLiteral literal_near(int log_degree, double bits, int step) {
    const int count = std::max(3, static_cast<int>(std::ceil(bits / 29.5)));
    std::set<std::uint32_t> taken;
    std::vector<std::uint32_t> primes;
    for (int i = 0; i + 1 < count; ++i) {
        const double each = (bits - log2_product(primes)) / (count - i);
        primes.push_back(prime_near(log_degree, std::exp2(each), -1, taken));
        taken.insert(primes.back());
    }
    primes.push_back(prime_near(log_degree, std::exp2(bits - log2_product(primes)), step, taken));
    ParametersLiteral literal;
    literal.log_degree = log_degree;
    literal.digit_limbs = std::max(1, std::min(7, count / 4));
    literal.special.assign(primes.begin(), primes.begin() + literal.digit_limbs);
    literal.chain.assign(primes.begin() + literal.digit_limbs, primes.end());
    return literal;
}

/// The table of the guidelines for 128 bits, uniform ternary secret, classical attacks: a second copy on purpose.
TEST(Security, TableIsThatOfTheGuidelines) {
    const int table[] = {26, 53, 106, 214, 430, 868, 1747, 3523};
    for (int log_degree = 10; log_degree <= 17; ++log_degree)
        EXPECT_EQ(max_log2_qp_128(log_degree), table[log_degree - 10]) << log_degree;
    EXPECT_EQ(max_log2_qp_128(9), 0);
    EXPECT_EQ(max_log2_qp_128(18), 0);
    EXPECT_EQ(max_log2_qp_128(-1), 0);
}

/// Products of odd primes never are the bound itself; the sets next to it on both sides are within a tenth of a bit
/// (the primes are 1 mod 4N, so a small last prime cannot be chosen finely at N = 2^11).
class SecurityBound : public ::testing::TestWithParam<int> {};

TEST_P(SecurityBound, SetsJustBelowPassAndJustAboveDoNot) {
    const int log_degree = GetParam(), bound = max_log2_qp_128(log_degree);
    const auto below = literal_near(log_degree, bound, -1);
    const Parameters secure(below);
    EXPECT_EQ(secure.security_bits(), 128);
    EXPECT_LE(secure.log2_qp(), bound);
    EXPECT_GT(secure.log2_qp(), bound - (log_degree == 11 ? 1.5 : 0.1));
    EXPECT_DOUBLE_EQ(secure.log2_qp() - secure.log2_q(), log2_product(below.special));

    auto above = literal_near(log_degree, bound, +1);
    const double bits = log2_product(above.chain) + log2_product(above.special);
    EXPECT_GT(bits, bound);
    EXPECT_LT(bits, bound + (log_degree == 11 ? 1.5 : 0.1));
    for (const auto& text : {"exceeds the " + std::to_string(bound) + " bits", "N = 2^" + std::to_string(log_degree)})
        expect_error(ErrorCode::security, text, [&] { const Parameters refused(above); });
    above.insecure_for_tests = true;
    EXPECT_EQ(Parameters(above).security_bits(), 0);
}

INSTANTIATE_TEST_SUITE_P(Degrees, SecurityBound, ::testing::Range(11, 16));

TEST(Security, SpecialPrimesCountTowardsTheBound) {
    auto literal = literal_near(13, 214, -1);
    const Parameters fits(literal);
    literal.special.push_back(prime_near(13, 0x1p30, -1));
    expect_error(ErrorCode::security, "log2(QP) = 24", [&] { const Parameters refused(literal); });
}

TEST(Security, NoSetFitsTheSmallestRing) {
    ParametersLiteral literal = literal_near(10, 48, -1);  // primes that are 1 mod 4096 have 14 bits and more
    expect_error(ErrorCode::security, "exceeds the 26 bits", [&] { const Parameters refused(literal); });
}

/// Seven digits of seven limbs and seven special primes of 30 bits are at most 1680 bits: below the bounds of the two
/// largest rings, so every set that passes the other checks is secure there.
TEST(Security, LargestSetsFitTheLargestRings) {
    for (const int log_degree : {16, 17}) {
        auto literal = toy_literal(log_degree, 49, 7);
        literal.insecure_for_tests = false;
        const Parameters parameters(literal);
        EXPECT_EQ(parameters.security_bits(), 128);
        EXPECT_GT(parameters.log2_qp(), 1660);
        EXPECT_LT(parameters.log2_qp(), max_log2_qp_128(log_degree));
    }
}

TEST(Parameters, InsecureFlagAcceptsButDoesNotHideIt) {
    auto literal = toy_literal(10, 3, 1);
    EXPECT_EQ(Parameters(literal).security_bits(), 0);
    literal.insecure_for_tests = false;
    EXPECT_THROW(Parameters{literal}, Error);
    auto secure = literal_near(13, 200, -1);
    secure.insecure_for_tests = true;  // allowed, not believed
    EXPECT_EQ(Parameters(secure).security_bits(), 128);
}

void expect_format(const ParametersLiteral& literal, const std::string& text) {
    expect_error(ErrorCode::format, text, [&] { const Parameters refused(literal); });
}

TEST(Parameters, BadPrimesAreNamed) {
    const auto good = toy_literal(10, 3, 2);
    const std::uint64_t step = 4096;
    std::uint64_t composite = 2 * step + 1;
    while (ring::is_prime(composite)) composite += step;
    std::uint64_t large = (1ull << 30) + 1;
    while (!ring::is_prime(large)) large += step;
    std::uint64_t wrong_residue = (1u << 29) + 2049;  // 1 mod 2048, not mod 4096
    while (!ring::is_prime(wrong_residue)) wrong_residue += step;
    for (const std::uint64_t bad :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, composite, large, wrong_residue}) {
        for (const bool special : {false, true}) {
            auto literal = good;
            (special ? literal.special : literal.chain)[1] = static_cast<std::uint32_t>(bad);
            expect_format(literal, std::to_string(bad) + " is not a prime below 2^30 that is 1 mod 2^12");
        }
    }
}

TEST(Parameters, DuplicatesAreNamedAcrossBothLists) {
    const auto good = toy_literal(10, 3, 2);
    auto chain = good, special = good, both = good;
    chain.chain[2] = chain.chain[0];
    special.special[1] = special.special[0];
    both.special[1] = both.chain[2];
    expect_format(chain, std::to_string(good.chain[0]) + " appears twice");
    expect_format(special, std::to_string(good.special[0]) + " appears twice");
    expect_format(both, std::to_string(good.chain[2]) + " appears twice");
}

TEST(Parameters, ShapesOutOfRangeAreNamed) {
    const auto good = toy_literal(10, 4, 2);
    auto with = [&](const std::function<void(ParametersLiteral&)>& change) {
        auto literal = good;
        change(literal);
        return literal;
    };
    for (const int degree : {-1, 0, 9, 18, 64})
        expect_format(with([&](auto& l) { l.log_degree = degree; }), "ring degree 2^" + std::to_string(degree));
    for (const int digit : {-1, 0, 3})
        expect_format(with([&](auto& l) { l.digit_limbs = digit; }), "digits of " + std::to_string(digit) + " limbs");
    expect_format(with([](auto& l) { l.chain.resize(1); }), "not 1 and 2");
    expect_format(with([](auto& l) { l.special.clear(); }), "not 4 and 0");
    expect_format(toy_literal(10, 16, 15), "15 special primes");
    EXPECT_EQ(Parameters(toy_literal(10, 7, 1)).digits(7), 7);
    expect_format(toy_literal(10, 8, 1), "8 limbs make 8 key switching digits of 1 limbs; at most 7 digits");
}

TEST(Parameters, DigitsAreCountedRoundedUp) {
    const Parameters parameters(toy_literal(10, 9, 3));
    const int expected[] = {1, 1, 1, 2, 2, 2, 3, 3, 3};
    for (int level = 1; level <= 9; ++level) EXPECT_EQ(parameters.digits(level), expected[level - 1]);
    EXPECT_EQ(parameters.degree(), 1024u);
    EXPECT_EQ(parameters.levels(), 9);
    EXPECT_EQ(parameters.special_limbs(), 3);
}

TEST(Parameters, DigestChangesWithEveryField) {
    const auto base = toy_literal(13, 4, 2);
    std::vector<ParametersLiteral> all(8, base);
    all[1].log_degree = 12;  // primes that are 1 mod 2^15 are 1 mod 2^14
    all[2].digit_limbs = 1;
    all[3].chain.pop_back();
    all[4].special.pop_back();
    all[4].digit_limbs = 1;
    std::swap(all[5].chain[0], all[5].chain[1]);
    std::swap(all[6].chain[3], all[6].special[0]);
    all[7].chain[3] = prime_near(13, 0x1p29, -1);
    auto secure = base;  // 180 of 214 bits: both settings of the flag pass
    secure.insecure_for_tests = false;
    all.push_back(secure);
    std::set<std::string> digests;
    for (const auto& literal : all) {
        const auto digest = Parameters(literal).digest();
        EXPECT_EQ(digest.size(), 32u);
        EXPECT_EQ(digest, Parameters(literal).digest());
        EXPECT_TRUE(digests.insert(digest).second);
    }
}

}  // namespace
}  // namespace obscura::ckks::test
