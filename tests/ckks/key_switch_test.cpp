#include "ckks/key_switch.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include "base/error.hpp"
#include "ckks/toy.hpp"

namespace obscura::ckks::test {
namespace {

/// A slot's error is a product of two nearly Gaussian slots (of the rounding and of the secret), whose tail falls like
/// exp(-|x|): 24 rms are exceeded with probability below 1e-10 a slot.
constexpr double sigmas = 24;

EvaluationKeys keys_for(Toy& toy, const EvaluationKeyRequest& request) {
    const auto path = (std::filesystem::temp_directory_path() / ("obscura_keys_" + std::to_string(toy.secret.id()))).string();
    const std::string plan(32, 'p');
    write_evaluation_keys(toy.context, toy.secret, request, plan, path, [](int, int) {});
    auto keys = load_evaluation_keys(toy.context, request, plan, path, toy.pool);
    std::filesystem::remove(path);
    return keys;
}

/// Brings an operand back to a ciphertext: rotation by zero slots would need a key, so divide by P directly.
Ciphertext to_ciphertext(Toy& toy, Operand&& u) {
    const auto& c = toy.context;
    std::vector<u32*> room;
    for (auto& limb : toy.scratch.raised) room.push_back(limb.get());
    mod_down_sources(c, u.extended0, u.level, false, toy.scratch.small.get());
    Ciphertext ct{{}, ring::make_poly(toy.pool, u.level)};
    for (int t = 0; t < u.level; ++t) {
        const int target[] = {t};
        const ModDownItem item{&u.extended0, toy.scratch.small.get(), 0, room.data()};
        mod_down_targets(c, {&item, 1}, u.level, false, target);
        digit_evaluations(c, u.digits1, u.level, t, ct.c1[static_cast<std::size_t>(t)]);
    }
    u.extended0.limbs.resize(static_cast<std::size_t>(u.level));
    ct.c0 = std::move(u.extended0);
    return ct;
}

struct Shape {
    int log_degree, levels, special;
};

class KeySwitch : public ::testing::TestWithParam<Shape> {};

TEST_P(KeySwitch, SquareRelinearisesWithinTheNoiseModel) {
    Toy toy(toy_literal(GetParam().log_degree, GetParam().levels, GetParam().special));
    const auto keys = keys_for(toy, {GetParam().levels, {}});
    const double scale = 0x1p22, n = toy.context.degree();
    for (int level = 2; level <= GetParam().levels; ++level) {
        auto slots = toy.random_slots(static_cast<unsigned>(level));
        const auto ct = toy.encrypt(slots, scale, level);
        auto expected = toy.decrypt(ct, scale);
        for (auto& v : expected) v *= v;
        auto z = toy.encrypt(slots, scale, level);
        expected = toy.decrypt(z, scale);
        for (auto& v : expected) v *= v;
        const auto result = toy.decrypt(to_ciphertext(toy, square_relinearise(toy.context, keys.relinearisation, std::move(z), toy.pool, toy.scratch)), scale * scale);
        EXPECT_LT(largest_difference(result, expected) * scale * scale, sigmas * (key_switch_rms(toy.context, level) + rounding_rms(n))) << "level " << level;
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
        const auto operand = make_operand(toy.context, std::move(ct), toy.pool);
        const auto results = rotate_hoisted(toy.context, keys, operand, steps, toy.pool, toy.scratch);
        for (std::size_t s = 0; s < steps.size(); ++s)
            EXPECT_LT(largest_difference(toy.decrypt(results[s], scale), rotated(slots, steps[s])) * scale,
                      sigmas * (key_switch_rms(toy.context, level) + rounding_rms(n)))
                << "level " << level << " step " << steps[s];
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

TEST(KeyFiles, MissingAndLowKeysAreNamed) {
    Toy toy(toy_literal(10, 4, 2));
    const auto keys = keys_for(toy, {3, {{5, 2}}});
    EXPECT_THROW(keys.rotation(6, 2), Error);
    EXPECT_THROW(keys.rotation(5, 3), Error);
    EXPECT_EQ(keys.rotation(5, 2).automorphism.step, 5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, KeySwitch, ::testing::Values(Shape{10, 4, 2}, Shape{11, 9, 3}, Shape{12, 8, 7}, Shape{10, 6, 1}),
                         [](const auto& i) {
                             return "N" + std::to_string(1 << i.param.log_degree) + "L" + std::to_string(i.param.levels) + "K" + std::to_string(i.param.special);
                         });

}  // namespace
}  // namespace obscura::ckks::test
