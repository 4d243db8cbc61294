#include "ckks/mod_down.hpp"

#include <gtest/gtest.h>

#include "ckks/switching.hpp"

namespace obscura::ckks::test {
namespace {

/// Where the addend comes from: c0 and c1 not extended; c0 extended, by relinearisation; both.
enum class Form { plain, rotated_square, square };

struct Case {
    int dropped;
    Form form;
};

class ModDownWithAddend : public ::testing::TestWithParam<Case> {
  protected:
    static constexpr int levels = 6, level = 5;
    Toy toy{toy_literal(10, levels, 3)};
    std::mt19937_64 random{11};

    Poly uniform() {
        Poly poly = ring::make_poly(toy.pool, levels + 3);
        for (int t = 0; t < levels + 3; ++t)
            for (std::size_t n = 0; n < toy.context.degree(); ++n)
                poly[static_cast<std::size_t>(t)][n] = static_cast<u32>(random() % toy.context.prime(t));
        return poly;
    }
    Poly copy(const Poly& from) {
        Poly to = ring::make_poly(toy.pool, levels + 3);
        for (std::size_t t = 0; t < from.size(); ++t) std::copy_n(from[t], toy.context.degree(), to[t]);
        return to;
    }
    bool is_limb(int t) const { return t < level || t >= levels; }

    /// The quotient's limbs.
    std::vector<u32> divided(Poly poly, const Addend& addend) {
        const int dropped = GetParam().dropped;
        mod_down_sources(toy.context, poly, level, dropped, toy.scratch.small.get(), addend);
        std::vector<int> targets;
        std::vector<u32*> room;
        for (int t = 0; t < level - dropped; ++t) {
            targets.push_back(t);
            room.push_back(toy.scratch.raised[static_cast<std::size_t>(t)].get());
        }
        const ModDownItem item{&poly, toy.scratch.small.get(), -12345, room.data(), addend};
        // in two steps, as the targets of a layer come in groups
        for (const auto& some : {std::span(targets).first(2), std::span(targets).subspan(2)})
            if (!some.empty()) mod_down_targets(toy.context, {&item, 1}, level, dropped, some);
        std::vector<u32> words;
        for (const int t : targets)
            words.insert(words.end(), poly[static_cast<std::size_t>(t)],
                         poly[static_cast<std::size_t>(t)] + toy.context.degree());
        return words;
    }
};

/// Word for word what the quotient is when the addend, times its weight, was added to the evaluations before.
TEST_P(ModDownWithAddend, DividesTheSum) {
    const auto& context = toy.context;
    const auto keys = keys_for(toy, {levels, {}});
    auto z = toy.encrypt(toy.random_slots(1), 0x1p22, levels);
    // of a higher level than what is divided, as shortcuts are
    const Form form = GetParam().form;
    const Operand operand = form == Form::plain
                                ? make_operand(context, std::move(z))
                                : square_relinearise(context, keys.relinearisation, std::move(z),
                                                     form == Form::rotated_square, toy.pool, toy.scratch);
    for (const i64 weight : {i64{0}, i64{1}, i64{-1}, i64{300}, i64{-32768}})
        for (const int part : {0, 1}) {
            const Poly given = uniform();
            Poly sum = copy(given);
            const Limb room = toy.pool.take();
            for (int t = 0; t < levels + 3; ++t) {
                if (!is_limb(t)) continue;
                const u32 q = context.prime(t), factor = ring::reduce_signed(weight, q);
                const u32* addend = nullptr;
                if (part == 0) addend = operand.extended0[static_cast<std::size_t>(t)];
                if (part == 1 && !operand.has_digits()) addend = operand.extended1[static_cast<std::size_t>(t)];
                if (part == 1 && operand.has_digits() && t < levels) {
                    digit_evaluations(context, operand.digits1, operand.digit_level, t, room.get());
                    addend = room.get();
                }
                if (addend == nullptr) continue;
                u32* x = sum[static_cast<std::size_t>(t)];
                for (std::size_t n = 0; n < context.degree(); ++n)
                    x[n] = static_cast<u32>((x[n] + std::uint64_t{ring::mul_mod(addend[n], factor, q)}) % q);
            }
            EXPECT_EQ(divided(copy(given), {&operand, part, weight}), divided(std::move(sum), {}))
                << "weight " << weight << ", c" << part;
        }
}

INSTANTIATE_TEST_SUITE_P(All, ModDownWithAddend,
                         ::testing::Values(Case{0, Form::plain}, Case{1, Form::plain}, Case{2, Form::plain},
                                           Case{0, Form::rotated_square}, Case{1, Form::rotated_square},
                                           Case{2, Form::rotated_square}, Case{0, Form::square}, Case{1, Form::square},
                                           Case{2, Form::square}));

}  // namespace
}  // namespace obscura::ckks::test
