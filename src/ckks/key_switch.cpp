#include "ckks/key_switch.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "ckks/base_conversion.hpp"

namespace obscura::ckks {

namespace {

/// `count` of the limbs of Q P from number `first` on, the special ones before the chain.
std::vector<int> groups_of(const Context& context, int level, std::size_t first, std::size_t count) {
    std::vector<int> group;
    const auto special = static_cast<std::size_t>(context.special_limbs());
    for (std::size_t i = first; i < std::min(first + count, special + static_cast<std::size_t>(level)); ++i)
        group.push_back(i < special ? context.levels() + static_cast<int>(i) : static_cast<int>(i - special));
    return group;
}

}  // namespace

SwitchScratch::SwitchScratch(const Context& context, LimbPool& pool)
    : small(pool.take()), product0(pool.take()), product1(pool.take()) {
    const auto levels = static_cast<std::size_t>(context.levels());
    auto fill = [&](std::vector<Limb>& limbs, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) limbs.push_back(pool.take());
    };
    fill(square, levels);
    fill(digits, levels);
    fill(raised, static_cast<std::size_t>(context.parameters().digits(context.levels())) * group * together);
    fill(special, static_cast<std::size_t>(context.special_limbs()));
}

Operand square_relinearise(const Context& context, const SwitchingKey& key, Ciphertext&& z, LimbPool& pool,
                           SwitchScratch& scratch) {
    const auto& k = context.kernels();
    const std::size_t n = context.degree();
    const int level = z.level(), digit_count = context.parameters().digits(level), special = context.special_limbs();
    assert(key.level >= level);
    const Conversion& down = context.mod_down(level, 0);

    std::vector<const u32*> digits;
    for (int t = 0; t < level; ++t) {
        const auto i = static_cast<std::size_t>(t);
        const int d = t / context.parameters().digit_limbs();
        k.square(context.modulus(t), z.c0[i], z.c1[i], z.c0[i], z.c1[i], scratch.square[i].get(), n);
        k.ntt_inverse_centred(
            context.table(t),
            context.mod_up_plain(d, level).weighted_inverse[static_cast<std::size_t>(t - context.digit_begin(d))],
            scratch.square[i].get(), as_signed(scratch.digits[i].get()));
        digits.push_back(scratch.digits[i].get());
    }

    Operand result;
    result.level = result.digit_level = level;
    result.extended0 = std::move(z.c0);
    result.extended0.limbs.resize(static_cast<std::size_t>(context.limbs()));
    for (int t = context.levels(); t < context.limbs(); ++t)
        result.extended0.limbs[static_cast<std::size_t>(t)] = pool.take();
    result.digits1 = std::move(z.c1);

    for (std::size_t first = 0;; first += SwitchScratch::group) {
        const auto targets = groups_of(context, level, first, SwitchScratch::group);
        if (targets.empty()) break;
        std::vector<u32*> raised;
        for (int d = 0; d < digit_count; ++d)
            for (std::size_t i = 0; i < targets.size(); ++i)
                raised.push_back(scratch.raised[static_cast<std::size_t>(d) * SwitchScratch::group + i].get());
        const ModUpItem item{digits.data(), raised.data()};
        mod_up(context, {&item, 1}, level, true, targets);
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const int t = targets[i];
            const auto limb = static_cast<std::size_t>(t);
            const auto& m = context.modulus(t);
            const bool chain = t < level;
            std::array<const u32*, ring::max_inner_digits> d_ptr, b_ptr, a_ptr;
            for (int d = 0; d < digit_count; ++d) {
                const auto at = static_cast<std::size_t>(d);
                const bool own = chain && d == t / context.parameters().digit_limbs();
                d_ptr[at] = own ? scratch.square[limb].get() : raised[at * targets.size() + i];
                b_ptr[at] = key.b[at][limb];
                a_ptr[at] = key.a[at][limb];
            }
            u32* out0 = result.extended0[limb];
            // d0 and d1 carry 2^-32
            k.inner_product(m, d_ptr.data(), b_ptr.data(), a_ptr.data(), digit_count, chain ? out0 : nullptr,
                            chain ? result.digits1[limb] : nullptr, m.r2, out0, scratch.product1.get(), n);
            if (chain)
                k.ntt_inverse(context.table(t), context.unit_scale(t), scratch.product1.get(), result.digits1[limb]);
            else {
                const auto j = static_cast<std::size_t>(t - context.levels());
                k.ntt_inverse_centred(context.table(t), down.weighted_inverse[j], scratch.product1.get(),
                                      as_signed(scratch.special[j].get()));
            }
        }
    }

    // c1 in coefficients, then its digits
    std::array<const i32*, ring::max_conversion_sources> sources;
    for (int j = 0; j < special; ++j)
        sources[static_cast<std::size_t>(j)] = as_signed(scratch.special[static_cast<std::size_t>(j)].get());
    k.quotient(sources.data(), down.reciprocal.data(), special, down.shift, as_signed(scratch.small.get()), n);
    for (int first = 0; first < level; first += SwitchScratch::group) {
        std::vector<int> targets;
        std::vector<u32*> out;
        for (int t = first; t < std::min(level, first + SwitchScratch::group); ++t) {
            targets.push_back(t);
            out.push_back(scratch.raised[static_cast<std::size_t>(t - first)].get());
        }
        convert_to(context, down, {sources.data(), static_cast<std::size_t>(special)}, as_signed(scratch.small.get()),
                   targets, out.data());
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const int t = targets[i], d = t / context.parameters().digit_limbs();
            u32* c1 = result.digits1[static_cast<std::size_t>(t)];
            k.subtract_scale_centred(
                context.modulus(t),
                context.mod_up(d, level).weight[static_cast<std::size_t>(t - context.digit_begin(d))], c1, out[i],
                as_signed(c1), n);
        }
    }
    return result;
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
    for (std::size_t first = 0;; ++first) {
        const auto targets = groups_of(context, level, first, 1);
        if (targets.empty()) break;
        const int t = targets[0];
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
                k.inner_product(m, d_ptr.data(), b_ptr.data(), a_ptr.data(), digit_count, c0, nullptr, m.r,
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
