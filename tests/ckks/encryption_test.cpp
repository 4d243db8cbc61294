#include "ckks/encryption.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.hpp"
#include "ckks/toy.hpp"
#include "io/scratch.hpp"

namespace obscura::ckks::test {
namespace {

constexpr i64 largest_noise = 41;  // the sampler's cut, 13 sigma

/// N integers below 2^bits in magnitude.
std::vector<i64> random_message(std::size_t n, std::uint64_t seed, int bits) {
    std::mt19937_64 rng(seed);
    std::uniform_int_distribution<i64> uniform(-(i64{1} << bits), i64{1} << bits);
    std::vector<i64> message(n);
    for (auto& v : message) v = uniform(rng);
    return message;
}

Ciphertext encrypt(Toy& toy, const std::vector<i64>& message, int level, std::uint64_t index = 0) {
    Ciphertext ct{ring::make_poly(toy.pool, level), ring::make_poly(toy.pool, level)};
    const Seed seed = fresh_seed();
    expand_seeded(toy.context, seed, index, ct.c1);
    encrypt_seeded(toy.context, toy.transforms, seed, fresh_seed(), index, message, ct.c0);
    return ct;
}

/// c0 + c1 s modulo one limb, as coefficients in [0, q): what decryption does, for any limb.
std::vector<u32> phase(const Toy& toy, const Ciphertext& ct, int limb) {
    const auto& c = toy.context;
    const auto& m = c.modulus(limb);
    const auto at = static_cast<std::size_t>(limb);
    SecretWords x(c.degree());
    c.kernels().multiply(m, ct.c1[at], toy.transforms[limb], x.data(), c.degree());
    c.kernels().scale(m, ring::make_factor(m.r, m.q), x.data(), x.data(), c.degree());
    c.kernels().add(m.q, x.data(), ct.c0[at], x.data(), c.degree());
    c.kernels().ntt_inverse(c.table(limb), c.unit_scale(limb), x.data(), x.data());
    return {x.data(), x.data() + c.degree()};
}

/// A "ciphertext" that hides nothing: c0 = message, c1 = 0. It decrypts without any noise.
Ciphertext trivial(Toy& toy, const std::vector<i64>& message, int level) {
    Ciphertext ct{ring::make_poly(toy.pool, level), ring::make_poly(toy.pool, level)};
    for (int t = 0; t < level; ++t) {
        const auto at = static_cast<std::size_t>(t);
        for (std::size_t i = 0; i < message.size(); ++i)
            ct.c0[at][i] = ring::reduce_signed(message[i], toy.context.prime(t));
        toy.context.kernels().ntt_forward(toy.context.table(t), ct.c0[at], ct.c0[at]);
        std::fill_n(ct.c1[at], message.size(), 0u);
    }
    return ct;
}

/// Slots of the difference of two messages.
std::vector<double> error_slots(const Toy& toy, const std::vector<i64>& a, const std::vector<i64>& b) {
    std::vector<double> difference(a.size()), slots(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) difference[i] = static_cast<double>(a[i] - b[i]);
    toy.encoder.decode(difference, slots);
    return slots;
}

double root_mean_square(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x * x;
    return std::sqrt(sum / static_cast<double>(v.size()));
}

class Encryption : public ::testing::Test {
  protected:
    Toy toy{toy_literal(10, 4, 2)};
    const double n = toy.context.degree();
};

/// Every coefficient gets one Gaussian of sigma 3.2; slots sum N of them, so their rms is 3.2 sqrt(2N) and they are
/// Gaussian: 6 sigma (2e-9 a slot, 1024 slots). An rms of N samples deviates by 1/sqrt(2N): six of these are 13%.
TEST_F(Encryption, SymmetricNoiseIsAsModelled) {
    const auto message = random_message(toy.context.degree(), 1, 40);
    const auto found = decrypt(toy.context, toy.transforms, encrypt(toy, message, 4));
    i64 largest = 0;
    for (std::size_t i = 0; i < message.size(); ++i) largest = std::max(largest, std::abs(found[i] - message[i]));
    EXPECT_LE(largest, largest_noise);
    const auto slots = error_slots(toy, found, message);
    const double rms = root_mean_square(slots), modelled = fresh_rms(n);
    EXPECT_LT(std::abs(rms / modelled - 1), 6 / std::sqrt(2 * n));
    EXPECT_LT(largest_difference(slots, std::vector<double>(slots.size())), 6 * modelled);
}

/// The error is e0 + v e + s e1 with v, s ternary (slot rms sqrt(4N/3)) and e, e0, e1 Gaussian (slot rms 3.2 sqrt(2N)):
/// rms 3.2 sqrt(2N) sqrt(1 + 8N/3). A slot is a sum of two products of Gaussians, whose tail falls like exp(-|x|) and
/// whose square has a relative variance of 5: an rms over N slots deviates by sqrt(5/N) / 2, six times that is 21%.
TEST_F(Encryption, PublicKeyNoiseIsAsModelled) {
    const auto key = make_public_key(toy.context, toy.secret, toy.pool);
    for (const int level : {2, 4}) {
        const auto message = random_message(toy.context.degree(), 2, 40);
        const auto ct = encrypt_public(toy.context, key, message, level, toy.pool);
        EXPECT_EQ(ct.level(), level);
        const auto slots = error_slots(toy, decrypt(toy.context, toy.transforms, ct), message);
        const double modelled = fresh_rms(n) * std::sqrt(1 + 8 * n / 3);
        EXPECT_LT(std::abs(root_mean_square(slots) / modelled - 1), 3 * std::sqrt(5 / n));
        EXPECT_LT(largest_difference(slots, std::vector<double>(slots.size())), 24 * modelled);
    }
}

/// Two encryptions of one message share nothing, and another key's holder sees uniform values: rms M / sqrt(12) with
/// M = q0 q1. The rms of N uniform values deviates by 0.45 / sqrt(N): 8% are six of these.
TEST_F(Encryption, HidesTheMessage) {
    const auto message = random_message(toy.context.degree(), 3, 20);
    const auto key = make_public_key(toy.context, toy.secret, toy.pool);
    std::vector<Ciphertext> all;
    for (int i = 0; i < 2; ++i) all.push_back(encrypt(toy, message, 2));
    for (int i = 0; i < 2; ++i) all.push_back(encrypt_public(toy.context, key, message, 2, toy.pool));
    for (std::size_t a = 0; a < all.size(); ++a)
        for (std::size_t b = 0; b < a; ++b) {
            int equal = 0;
            for (std::size_t i = 0; i < message.size(); ++i) equal += all[a].c0[0][i] == all[b].c0[0][i];
            EXPECT_LT(equal, 2) << a << " " << b;
        }
    const Toy other(toy_literal(10, 4, 2));
    const double modulus = static_cast<double>(toy.context.prime(0)) * toy.context.prime(1);
    for (const auto& ct : all) {
        const auto garbage = decrypt(toy.context, other.transforms, ct);
        const double rms = root_mean_square({garbage.begin(), garbage.end()});
        EXPECT_LT(std::abs(rms / (modulus / std::sqrt(12.0)) - 1), 0.085);
    }
}

TEST_F(Encryption, IsDeterminedByItsSeedsAndIndex) {
    const auto message = random_message(toy.context.degree(), 4, 20);
    const Seed open = fresh_seed(), noise = fresh_seed();
    auto c0 = [&](const Seed& public_seed, const Seed& noise_seed, std::uint64_t index) {
        auto poly = ring::make_poly(toy.pool, 2);
        encrypt_seeded(toy.context, toy.transforms, public_seed, noise_seed, index, message, poly);
        return std::vector<u32>(poly[1], poly[1] + message.size());
    };
    const auto base = c0(open, noise, 5);
    EXPECT_EQ(c0(open, noise, 5), base);
    EXPECT_NE(c0(open, noise, 6), base);
    EXPECT_NE(c0(open, fresh_seed(), 5), base);
    EXPECT_NE(c0(fresh_seed(), noise, 5), base);
}

/// Exact at both ends of the range, and one further wraps around.
TEST_F(Encryption, DecryptionReachesHalfTheModulus) {
    const i64 q0 = toy.context.prime(0), q1 = toy.context.prime(1);
    for (const auto& [level, half] : {std::pair{4, q0 * q1 / 2}, {2, q0 * q1 / 2}, {1, q0 / 2}}) {
        std::vector<i64> message(toy.context.degree());
        const i64 edges[] = {half, -half, half - 1, 1 - half, 0, 1, -1};
        for (std::size_t i = 0; i < message.size(); ++i) message[i] = edges[i % std::size(edges)];
        EXPECT_EQ(decrypt(toy.context, toy.transforms, trivial(toy, message, level)), message) << level;
        auto beyond = message;
        beyond[0] = half + 1;
        message[0] = -half;  // half + 1 - (2 half + 1)
        EXPECT_EQ(decrypt(toy.context, toy.transforms, trivial(toy, beyond, level)), message) << level;
    }
}

/// With noise, messages that keep its cut away from the edge still decrypt.
TEST_F(Encryption, DecryptsMessagesNearTheEdgeWithNoise) {
    const i64 half = static_cast<i64>(toy.context.prime(0)) * toy.context.prime(1) / 2;
    std::vector<i64> message(toy.context.degree());
    for (std::size_t i = 0; i < message.size(); ++i) message[i] = (i % 2 ? 1 : -1) * (half - largest_noise);
    const auto found = decrypt(toy.context, toy.transforms, encrypt(toy, message, 4));
    for (std::size_t i = 0; i < message.size(); ++i) ASSERT_LE(std::abs(found[i] - message[i]), largest_noise) << i;
}

/// All limbs hold the same message and the same noise, c1 is what the seed says, whatever level, index and values.
TEST_F(Encryption, EveryLimbHoldsTheMessage) {
    EXPECT_TRUE(rc::check([this] {
        const int level = *rc::gen::inRange(1, 5), bits = *rc::gen::inRange(0, 62);
        const auto index = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 40);
        const auto message = random_message(toy.context.degree(), *rc::gen::arbitrary<std::uint64_t>(), bits);
        const auto ct = encrypt(toy, message, level, index);
        RC_ASSERT(ct.level() == level);
        std::vector<i64> noise(message.size());
        for (int t = 0; t < level; ++t) {
            const auto x = phase(toy, ct, t);
            const i64 q = toy.context.prime(t);
            for (std::size_t i = 0; i < message.size(); ++i) {
                i64 e = (static_cast<i64>(x[i]) - message[i] % q) % q;
                if (e > q / 2) e -= q;
                if (e < -(q / 2)) e += q;
                RC_ASSERT(std::abs(e) <= largest_noise);
                RC_ASSERT(t == 0 || e == noise[i]);
                noise[i] = e;
            }
        }
        RC_ASSERT(std::any_of(noise.begin(), noise.end(), [](i64 e) { return e != 0; }));
    }));
}

TEST(RoundCoefficients, RoundsAndRefusesWhatDoesNotFit) {
    const std::vector<double> fine{0.5, 1.5, -1.5, 2.4, -2.6, 0x1p61};
    EXPECT_EQ(round_coefficients(fine, 1), (std::vector<i64>{0, 2, -2, 2, -3, i64{1} << 61}));
    EXPECT_EQ(round_coefficients({fine.data(), 1}, 6)[0], 3);
    for (const double bad : {0x1p62, -0x1p62, 1e300, static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
        const double one[] = {bad};
        testing::expect_error(ErrorCode::range, "2^62", [&] { round_coefficients(one, 1); });
    }
}

}  // namespace
}  // namespace obscura::ckks::test
