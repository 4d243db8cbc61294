#include "ckks/key_switch.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "ckks/base_conversion.hpp"

namespace obscura::ckks {

SwitchScratch::SwitchScratch(const Context& context, LimbPool& pool) : small(pool.take()) {
    const auto levels = static_cast<std::size_t>(context.levels());
    auto fill = [&](std::vector<Limb>& limbs, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) limbs.push_back(pool.take());
    };
    fill(square, levels);
    fill(digits, levels);
    fill(raised, static_cast<std::size_t>(context.parameters().digits(context.levels())) * group * together);
    fill(special, static_cast<std::size_t>(context.special_limbs()));
    fill(products, group);
}

Operand make_operand(const Context& context, Ciphertext&& ciphertext) {
    const auto& k = context.kernels();
    Operand result;
    result.level = result.digit_level = ciphertext.level();
    result.extended0 = std::move(ciphertext.c0);
    result.digits1 = std::move(ciphertext.c1);
    for (int t = 0; t < result.level; ++t) {
        const auto limb = static_cast<std::size_t>(t);
        const int d = t / context.parameters().digit_limbs();
        u32* c1 = result.digits1[limb];
        const auto& conversion = context.mod_up(d, result.level);
        k.ntt_inverse_centred(context.table(t),
                              conversion.weighted_inverse[static_cast<std::size_t>(t - context.digit_begin(d))], c1,
                              as_signed(c1));
    }
    result.extended0.limbs.resize(static_cast<std::size_t>(context.limbs()));
    return result;
}

void weight_digits(const Context& context, Operand& operand, int level) {
    for (int t = 0; t < std::min(level, operand.digit_level); ++t) {
        const int d = t / context.parameters().digit_limbs();
        if (context.digit_end(d, level) == context.digit_end(d, operand.digit_level)) continue;
        const auto& m = context.modulus(t);
        const auto weight = context.mod_up(d, level).weight[static_cast<std::size_t>(t - context.digit_begin(d))];
        const u32 factor = ring::mul_mod(digit_unweight(context, operand.digit_level, t).value, weight.value, m.q);
        u32* y = operand.digits1[static_cast<std::size_t>(t)];
        context.kernels().scale_signed(m, ring::make_factor(factor, m.q), as_signed(y), y, context.degree());
        for (std::size_t i = 0; i < context.degree(); ++i) as_signed(y)[i] = ring::centred(y[i], m.q);
    }
    operand.digit_level = level;
}

std::vector<Ciphertext> rotate_hoisted(const Context& context, const EvaluationKeys& keys, const Operand& operand,
                                       std::span<const int> steps, LimbPool& pool, SwitchScratch& scratch) {
    const auto& k = context.kernels();
    const std::size_t n = context.degree(), chunk = n / ring::row_pieces;
    const int level = operand.level, digit_count = context.parameters().digits(level);
    assert(operand.digit_level == level);
    struct Extended {
        Poly c0, c1;
    };
    std::vector<Extended> sums(steps.size());
    for (auto& sum : sums)
        for (auto* part : {&sum.c0, &sum.c1}) part->limbs.resize(static_cast<std::size_t>(context.limbs()));

    std::vector<u32> gathered(static_cast<std::size_t>(digit_count + 1) * chunk);
    for (int number = 0; number < context.special_limbs() + level; ++number) {
        const int t = number < context.special_limbs() ? context.levels() + number : number - context.special_limbs();
        const int targets[] = {t};
        const auto limb = static_cast<std::size_t>(t);
        const auto& m = context.modulus(t);
        std::vector<u32*> raised;
        raised.reserve(static_cast<std::size_t>(digit_count));
        for (int d = 0; d < digit_count; ++d) raised.push_back(scratch.raised[static_cast<std::size_t>(d)].get());
        std::vector<const u32*> digits;
        digits.reserve(static_cast<std::size_t>(level));
        for (int i = 0; i < level; ++i) digits.push_back(operand.digits1[static_cast<std::size_t>(i)]);
        const ModUpItem item{digits.data(), raised.data()};
        mod_up(context, {&item, 1}, level, false, targets);
        if (t < level)
            digit_evaluations(context, operand.digits1, level, t,
                              raised[static_cast<std::size_t>(t / context.parameters().digit_limbs())]);
        for (std::size_t s = 0; s < steps.size(); ++s) {
            const auto& rotation = keys.rotation(steps[s], level);
            sums[s].c0.limbs[limb] = pool.take();
            sums[s].c1.limbs[limb] = pool.take();
            for (std::size_t begin = 0; begin < n; begin += chunk) {
                std::array<const u32*, ring::max_inner_digits> d_ptr, b_ptr, a_ptr;
                for (int d = 0; d < digit_count; ++d) {
                    const auto at = static_cast<std::size_t>(d);
                    d_ptr[at] = rotation.automorphism.gather(raised[at], begin, chunk, gathered.data() + at * chunk);
                    b_ptr[at] = rotation.key.b[at][limb] + begin;
                    a_ptr[at] = rotation.key.a[at][limb] + begin;
                }
                const u32* c0 = operand.extended0[limb];
                if (c0 != nullptr)
                    c0 = rotation.automorphism.gather(c0, begin, chunk,
                                                      gathered.data() + static_cast<std::size_t>(digit_count) * chunk);
                k.inner_product(m, d_ptr.data(), b_ptr.data(), a_ptr.data(), digit_count, c0, m.r,
                                sums[s].c0[limb] + begin, sums[s].c1[limb] + begin, chunk);
            }
        }
    }

    std::vector<Ciphertext> results;
    std::vector<u32*> room;
    for (auto& limb : scratch.raised) room.push_back(limb.get());
    for (auto& sum : sums) {
        for (auto* part : {&sum.c0, &sum.c1}) {
            mod_down_sources(context, *part, level, 0, scratch.small.get());
            for (int t = 0; t < level; ++t) {
                const int target[] = {t};
                const ModDownItem item{part, scratch.small.get(), 0, room.data()};
                mod_down_targets(context, {&item, 1}, level, 0, target);
            }
            part->limbs.resize(static_cast<std::size_t>(level));
        }
        results.push_back({std::move(sum.c0), std::move(sum.c1)});
    }
    return results;
}

}  // namespace obscura::ckks
