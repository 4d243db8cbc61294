#include "ckks/ring_switch.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "ckks/switching.hpp"
#include "io/scratch.hpp"

namespace obscura::ckks::test {
namespace {

/// A client with a key in a ring of degree 2^from and one in a ring of 2^to, and the key between them.
struct TwoRings {
    TwoRings(int from, int to, int levels, int special)
        : large(toy_literal(from, levels, special)),
          small(smaller(large.context.parameters().literal(), to)),
          bridge(Parameters(
              ring_switch_parameters(large.context.parameters().literal(), small.context.parameters().literal()))),
          scratch(bridge, large.pool) {
        const obscura::testing::Scratch folder;
        const SecretKey embedded = small.secret.embedded(from);
        const KeySection section{&bridge, {0, {{0, levels}}}};
        const SectionSecrets secrets{&large.secret, &embedded};
        const std::string plan(32, 'p'), path = folder / "keys";
        write_evaluation_keys({&section, 1}, {&secrets, 1}, plan, path, [](int, int) {});
        keys = std::move(load_evaluation_keys({&section, 1}, plan, path, large.pool, large.threads).front());
    }
    static ParametersLiteral smaller(ParametersLiteral literal, int log_degree) {
        literal.log_degree = log_degree;
        return literal;
    }

    Toy large, small;
    Context bridge;
    SwitchScratch scratch;
    EvaluationKeys keys;
};

/// Slot j of the result is the sum of slots j, j + N', ... of the operand. Every one of those brings the error of a key
/// switch, and of encryption.
TEST(RingSwitch, AddsUpThePartsOfTheSlots) {
    for (const auto& [from, to, special] : {std::tuple{11, 10, 2}, {12, 10, 1}, {12, 11, 3}, {13, 10, 3}}) {
        constexpr int levels = 3;
        TwoRings rings(from, to, levels, special);
        const double scale = 0x1p50, n = rings.large.context.degree();
        const auto slots = rings.large.random_slots(7);
        for (int level = 2; level <= levels; ++level) {
            const auto switched =
                switch_ring(rings.bridge, rings.keys, to, Parts::sum, rings.large.encrypt(slots, scale, level),
                            rings.large.pool, rings.scratch);
            EXPECT_EQ(switched.level(), level);
            const auto found = rings.small.decrypt(switched, scale);
            ASSERT_EQ(found.size(), std::size_t{1} << to);
            const double parts = static_cast<double>(slots.size() / found.size());
            const double bound =
                sigmas * std::sqrt(parts) * (key_switch_rms(rings.bridge, level) + fresh_rms(n)) / scale;
            for (std::size_t j = 0; j < found.size(); ++j) {
                double sum = 0;
                for (std::size_t i = j; i < slots.size(); i += found.size()) sum += slots[i];
                ASSERT_NEAR(found[j], sum, bound) << "2^" << from << " to 2^" << to << ", level " << level;
            }
        }
    }
}

/// Slots that repeat with the smaller ring's period arrive as they are. The errors of equal slots differ, and the mean
/// is over all of them.
TEST(RingSwitch, KeepsWhatRepeats) {
    for (const auto& [from, to] : {std::pair{12, 11}, {13, 10}}) {
        TwoRings rings(from, to, 3, 2);
        const double scale = 0x1p50, n = rings.large.context.degree();
        auto slots = rings.large.random_slots(11);
        const std::size_t period = std::size_t{1} << to;
        for (std::size_t j = period; j < slots.size(); ++j) slots[j] = slots[j - period];
        const auto switched = switch_ring(rings.bridge, rings.keys, to, Parts::mean,
                                          rings.large.encrypt(slots, scale, 3), rings.large.pool, rings.scratch);
        const auto found = rings.small.decrypt(switched, scale);
        ASSERT_EQ(found.size(), period);
        const double bound = sigmas * (key_switch_rms(rings.bridge, 3) + fresh_rms(n)) / scale;
        for (std::size_t j = 0; j < period; ++j) ASSERT_NEAR(found[j], slots[j], bound) << "2^" << from;
    }
}

/// The smaller ring's own operations go on with what arrives: here a square.
TEST(RingSwitch, TheSmallerRingGoesOn) {
    TwoRings rings(12, 11, 4, 2);
    const double scale = 0x1p27;
    auto slots = rings.large.random_slots(3);
    std::fill(slots.begin() + 2048, slots.end(), 0.0);
    auto switched = switch_ring(rings.bridge, rings.keys, 11, Parts::sum, rings.large.encrypt(slots, scale, 4),
                                rings.large.pool, rings.scratch);
    const auto keys = keys_for(rings.small, {4, {}});
    auto square = square_relinearise(rings.small.context, keys.relinearisation, std::move(switched), true,
                                     rings.small.pool, rings.small.scratch);
    const auto found = rings.small.decrypt(to_ciphertext(rings.small, std::move(square)), scale * scale);
    const double error = key_switch_rms(rings.bridge, 4) * std::sqrt(2.0) + fresh_rms(4096);
    for (std::size_t j = 0; j < found.size(); ++j)
        ASSERT_NEAR(found[j], slots[j] * slots[j], 3 * sigmas * error / scale) << j;
}

TEST(RingSwitch, TakesTheDegreeOfOneRingAndThePrimesOfTheOther) {
    const auto from = toy_literal(12, 5, 2), to = toy_literal(11, 3, 1);
    const auto bridge = ring_switch_parameters(from, to);
    EXPECT_EQ(bridge.log_degree, 12);
    EXPECT_EQ(bridge.chain, to.chain);
    EXPECT_EQ(bridge.special, to.special);
    EXPECT_EQ(bridge.digit_limbs, to.digit_limbs);
}

}  // namespace
}  // namespace obscura::ckks::test
