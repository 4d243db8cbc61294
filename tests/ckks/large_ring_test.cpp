#include <gtest/gtest.h>

#include "ckks/switching.hpp"

namespace obscura::ckks::test {
namespace {

/// The largest ring for real use, secure, with few limbs so that it is quick: keys, a square and a rotation.
TEST(LargeRing, SquaresAndRotatesAt128Bits) {
    auto literal = toy_literal(16, 3, 2);
    literal.insecure_for_tests = false;
    Toy toy(literal);
    ASSERT_EQ(toy.context.parameters().security_bits(), 128);
    const int n = static_cast<int>(toy.context.degree());
    const int steps[] = {n / 32, 12345};  // one that moves whole chunks, one that does not
    const auto keys = keys_for(toy, {3, {{steps[0], 3}, {steps[1], 3}}});
    const double bound = sigmas * (key_switch_rms(toy.context, 3) + rounding_rms(n));

    auto z = toy.encrypt(toy.random_slots(1), 0x1p24, 3);
    auto expected = toy.decrypt(z, 0x1p24);
    for (auto& v : expected) v *= v;
    auto u = square_relinearise(toy.context, keys.relinearisation, std::move(z), true, toy.pool, toy.scratch);
    const double square_error =
        largest_difference(toy.decrypt(to_ciphertext(toy, std::move(u)), 0x1p48), expected) * 0x1p48;
    EXPECT_LT(square_error, bound);
    EXPECT_GT(square_error, rounding_rms(n));  // the largest of N errors is above their rms, or there was no rounding

    auto ct = toy.encrypt(toy.random_slots(2), 0x1p45, 3);
    const auto slots = toy.decrypt(ct, 0x1p45);
    const auto operand = make_operand(toy.context, std::move(ct));
    const auto results = rotate_hoisted(toy.context, keys, operand, steps, toy.pool, toy.scratch);
    for (std::size_t s = 0; s < 2; ++s)
        EXPECT_LT(largest_difference(toy.decrypt(results[s], 0x1p45), rotated(slots, steps[s])) * 0x1p45, bound)
            << steps[s];
}

}  // namespace
}  // namespace obscura::ckks::test
