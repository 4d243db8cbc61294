#include "ckks/key_switch.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.hpp"
#include "ckks/switching.hpp"

namespace obscura::ckks::test {
namespace {

struct Shape {
    int log_degree, levels, special;
};

class KeySwitch : public ::testing::TestWithParam<Shape> {};

TEST_P(KeySwitch, SquareRelinearisesWithinTheNoiseModel) {
    Toy toy(toy_literal(GetParam().log_degree, GetParam().levels, GetParam().special));
    const auto keys = keys_for(toy, {GetParam().levels, {}});
    const double scale = 0x1p22, n = toy.context.degree();
    for (int level = 2; level <= GetParam().levels; ++level)
        for (const bool rotated : {true, false}) {
            auto z = toy.encrypt(toy.random_slots(static_cast<unsigned>(level)), scale, level);
            auto expected = toy.decrypt(z, scale);
            for (auto& v : expected) v *= v;
            auto u =
                square_relinearise(toy.context, keys.relinearisation, std::move(z), rotated, toy.pool, toy.scratch);
            EXPECT_EQ(u.has_digits(), rotated);
            const auto result = toy.decrypt(to_ciphertext(toy, std::move(u)), scale * scale);
            EXPECT_LT(largest_difference(result, expected) * scale * scale,
                      sigmas * (key_switch_rms(toy.context, level) + rounding_rms(n)))
                << "level " << level;
        }
}

TEST_P(KeySwitch, HoistedRotationsRotateTheSlots) {
    Toy toy(toy_literal(GetParam().log_degree, GetParam().levels, GetParam().special));
    const int n = static_cast<int>(toy.context.degree());
    const std::vector<int> steps{1, n / 32, n - n / 32, 5 * (n / 32), n / 2 + 3};
    EvaluationKeyRequest request{2, {}};
    for (const int step : steps) request.rotations.emplace_back(step, GetParam().levels);
    const auto keys = keys_for(toy, request);
    const double scale = 0x1p40;
    for (int level = 2; level <= GetParam().levels; level += 2) {
        auto ct = toy.encrypt(toy.random_slots(3), scale, level);
        const auto slots = toy.decrypt(ct, scale);
        const auto operand = make_operand(toy.context, std::move(ct));
        const auto results = rotate_hoisted(toy.context, keys, operand, steps, toy.pool, toy.scratch);
        for (std::size_t s = 0; s < steps.size(); ++s)
            EXPECT_LT(largest_difference(toy.decrypt(results[s], scale), rotated(slots, steps[s])) * scale,
                      sigmas * (key_switch_rms(toy.context, level) + rounding_rms(n)))
                << "level " << level << " step " << steps[s];
    }
}

/// Layers at two levels rotate the same map where a shortcut is a convolution. The second one's digits used to keep the
/// weights of the first's level, and what came out was noise.
TEST_P(KeySwitch, OneOperandIsRotatedAtSeveralLevels) {
    Toy toy(toy_literal(GetParam().log_degree, GetParam().levels, GetParam().special));
    const int levels = GetParam().levels, n = static_cast<int>(toy.context.degree()), steps[] = {n / 8};
    const auto keys = keys_for(toy, {2, {{steps[0], levels}}});
    const double scale = 0x1p40;
    auto ct = toy.encrypt(toy.random_slots(5), scale, levels);
    const auto expected = rotated(toy.decrypt(ct, scale), steps[0]);
    auto operand = make_operand(toy.context, std::move(ct));
    std::vector<int> down_and_up;
    for (int level = levels; level >= 2; --level) down_and_up.push_back(level);
    down_and_up.push_back(levels);
    for (const int level : down_and_up) {
        weight_digits(toy.context, operand, level);
        operand.level = level;
        const auto results = rotate_hoisted(toy.context, keys, operand, steps, toy.pool, toy.scratch);
        EXPECT_LT(largest_difference(toy.decrypt(results[0], scale), expected) * scale,
                  sigmas * (key_switch_rms(toy.context, level) + rounding_rms(n)))
            << "level " << level;
    }
}

TEST_P(KeySwitch, RescaleDividesByTheLastPrime) {
    Toy toy(toy_literal(GetParam().log_degree, GetParam().levels, GetParam().special));
    const double scale = 0x1p50, n = toy.context.degree();
    const int level = GetParam().levels;
    auto ct = toy.encrypt(toy.random_slots(4), scale, level);
    const auto slots = toy.decrypt(ct, scale);
    const double rescaled = scale / toy.context.prime(level - 1);
    const auto result = rescale(toy.context, ct, toy.pool);
    EXPECT_EQ(result.level(), level - 1);
    EXPECT_LT(largest_difference(toy.decrypt(result, rescaled), slots) * rescaled, sigmas * rounding_rms(n));
}

/// Any shape: digits of fewer limbs than there are special primes too, levels that cut the last digit, any step.
TEST(KeySwitchOfRandomShape, StaysWithinTheNoiseModel) {
    EXPECT_TRUE(rc::check([] {
        const int special = *rc::gen::inRange(1, 5), levels = *rc::gen::inRange(2, special == 1 ? 8 : 9);
        auto literal = toy_literal(*rc::gen::inRange(10, 12), levels, special);
        literal.digit_limbs = *rc::gen::inRange((levels + 6) / 7, special + 1);  // at most seven digits
        Toy toy(literal);
        const double n = toy.context.degree();
        const int level = *rc::gen::inRange(2, levels + 1), key_level = *rc::gen::inRange(level, levels + 1),
                  step = *rc::gen::inRange(1, static_cast<int>(n));
        const auto keys = keys_for(toy, {key_level, {{step, key_level}}});
        const auto seed = *rc::gen::arbitrary<unsigned>();

        auto z = toy.encrypt(toy.random_slots(seed), 0x1p22, level);
        auto expected = toy.decrypt(z, 0x1p22);
        for (auto& v : expected) v *= v;
        auto u = square_relinearise(toy.context, keys.relinearisation, std::move(z), *rc::gen::arbitrary<bool>(),
                                    toy.pool, toy.scratch);
        const auto squared = toy.decrypt(to_ciphertext(toy, std::move(u)), 0x1p44);
        const double bound = sigmas * (key_switch_rms(toy.context, level) + rounding_rms(n));
        RC_ASSERT(largest_difference(squared, expected) * 0x1p44 < bound);

        auto ct = toy.encrypt(toy.random_slots(seed + 1), 0x1p40, level);
        const auto slots = toy.decrypt(ct, 0x1p40);
        const auto operand = make_operand(toy.context, std::move(ct));
        const int one[] = {step};
        const auto result = rotate_hoisted(toy.context, keys, operand, one, toy.pool, toy.scratch);
        RC_ASSERT(largest_difference(toy.decrypt(result[0], 0x1p40), rotated(slots, step)) * 0x1p40 < bound);
    }));
}

TEST(KeyFiles, MissingAndLowKeysAreNamed) {
    Toy toy(toy_literal(10, 4, 2));
    const auto keys = keys_for(toy, {3, {{5, 2}}});
    EXPECT_THROW(keys.rotation(6, 2), Error);
    EXPECT_THROW(keys.rotation(5, 3), Error);
    EXPECT_EQ(keys.rotation(5, 2).automorphism.step, 5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, KeySwitch,
                         ::testing::Values(Shape{10, 4, 2}, Shape{11, 9, 3}, Shape{12, 8, 7}, Shape{10, 6, 1}),
                         [](const auto& i) {
                             return "N" + std::to_string(1 << i.param.log_degree) + "L" +
                                    std::to_string(i.param.levels) + "K" + std::to_string(i.param.special);
                         });

}  // namespace
}  // namespace obscura::ckks::test
