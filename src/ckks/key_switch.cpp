#include "ckks/key_switch.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace obscura::ckks {

namespace {

/// Conversions work on pieces of this many words, so that the sources of a piece stay in the first-level cache.
constexpr std::size_t piece = 1024;

const i32* as_signed(const u32* p) {
    return reinterpret_cast<const i32*>(p);
}
i32* as_signed(u32* p) {
    return reinterpret_cast<i32*>(p);
}

/// Converts `sources` to every target with a non-null output that is not itself a source.
void convert_to(const Context& context, const Conversion& conversion, std::span<const i32* const> sources,
                const i32* small, std::span<const int> targets, u32* const* out) {
    std::array<ring::ConversionTarget, 64> list;
    int count = 0;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const auto t = static_cast<std::size_t>(targets[i]);
        if (out[i] == nullptr || conversion.factor[t].empty()) continue;
        assert(count < static_cast<int>(list.size()));
        list[static_cast<std::size_t>(count++)] = {&context.modulus(targets[i]), conversion.factor[t].data(),
                                                   conversion.minus_product[t], out[i]};
    }
    if (count == 0) return;
    for (std::size_t begin = 0; begin < context.degree(); begin += piece)
        context.kernels().convert(sources.data(), static_cast<int>(sources.size()), small, list.data(), count, begin,
                                  std::min<std::size_t>(begin + piece, context.degree()));
}

/// Sources of a ModDown in the order of its Conversion.
std::vector<int> source_limbs(const Context& context, int level, int dropped) {
    std::vector<int> limbs;
    for (int k = 0; k < context.special_limbs(); ++k) limbs.push_back(context.levels() + k);
    for (int i = 1; i <= dropped; ++i) limbs.push_back(level - i);
    return limbs;
}

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

void mod_up_coefficients(const Context& context, std::span<const ModUpItem> items, int level, bool plain,
                         std::span<const int> targets) {
    const int digits = context.parameters().digits(level);
    for (const auto& item : items)
        for (int d = 0; d < digits; ++d) {
            const auto& conversion = plain ? context.mod_up_plain(d, level) : context.mod_up(d, level);
            std::array<const i32*, ring::max_conversion_sources> sources;
            const int begin = context.digit_begin(d), end = context.digit_end(d, level);
            for (int i = begin; i < end; ++i) sources[static_cast<std::size_t>(i - begin)] = as_signed(item.digits[i]);
            convert_to(context, conversion, {sources.data(), static_cast<std::size_t>(end - begin)}, nullptr, targets,
                       item.out + static_cast<std::size_t>(d) * targets.size());
        }
}

void mod_up_evaluations(const Context& context, std::span<const ModUpItem> items, int level,
                        std::span<const int> targets, std::size_t target) {
    const int digits = context.parameters().digits(level), t = targets[target];
    for (const auto& item : items)
        for (int d = 0; d < digits; ++d) {
            u32* limb = item.out[static_cast<std::size_t>(d) * targets.size() + target];
            const bool own = t >= context.digit_begin(d) && t < context.digit_end(d, level);
            if (limb != nullptr && !own) context.kernels().ntt_forward(context.table(t), limb, limb);
        }
}

void mod_up(const Context& context, std::span<const ModUpItem> items, int level, bool plain,
            std::span<const int> targets) {
    mod_up_coefficients(context, items, level, plain, targets);
    for (std::size_t i = 0; i < targets.size(); ++i) mod_up_evaluations(context, items, level, targets, i);
}

void digit_evaluations(const Context& context, const Poly& digits, int level, int t, u32* out) {
    const int d = t / context.parameters().digit_limbs();
    const auto& m = context.modulus(t);
    const auto factor = context.mod_up(d, level).unweight[static_cast<std::size_t>(t - context.digit_begin(d))];
    const u32* y = digits[static_cast<std::size_t>(t)];
    for (std::size_t i = 0; i < context.degree(); ++i)
        out[i] = y[i] + m.q;  // centred values become positive, below 2 q
    context.kernels().scale(m, factor, out, out, context.degree());
    context.kernels().ntt_forward(context.table(t), out, out);
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
    for (int j = 0; j < special; ++j)
        result.extended0.limbs[static_cast<std::size_t>(context.levels() + j)] = pool.take();
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
            const u32 constant = ring::mul_mod(context.special_product(t), m.r2, m.q);  // P d0, d0 carries 2^-32
            u32* out0 = result.extended0[limb];
            k.inner_product(m, d_ptr.data(), b_ptr.data(), a_ptr.data(), digit_count, chain ? out0 : nullptr,
                            chain ? result.digits1[limb] : nullptr, constant, out0, scratch.product1.get(), n);
            if (chain)
                k.ntt_inverse(context.table(t), context.unit_scale(t), scratch.product1.get(), result.digits1[limb]);
            else {
                const auto j = static_cast<std::size_t>(t - context.levels());
                k.ntt_inverse_centred(context.table(t), down.weighted_inverse[j], scratch.product1.get(),
                                      as_signed(scratch.special[j].get()));
            }
        }
    }

    // c1 / P in coefficients, then its digits
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
            k.subtract_scale(context.modulus(t), context.division_inverse(t, level, 0), 0, c1, out[i], c1, n);
            k.scale_centred(context.modulus(t),
                            context.mod_up(d, level).weight[static_cast<std::size_t>(t - context.digit_begin(d))], c1,
                            as_signed(c1), n);
        }
    }
    return result;
}

Operand make_operand(const Context& context, Ciphertext&& ciphertext) {
    const auto& k = context.kernels();
    const std::size_t n = context.degree();
    Operand result;
    result.level = result.digit_level = ciphertext.level();
    result.extended0 = std::move(ciphertext.c0);
    result.digits1 = std::move(ciphertext.c1);
    for (int t = 0; t < result.level; ++t) {
        const auto limb = static_cast<std::size_t>(t);
        const int d = t / context.parameters().digit_limbs();
        const auto& m = context.modulus(t);
        u32* c0 = result.extended0[limb];
        u32* c1 = result.digits1[limb];
        k.scale(m, ring::make_factor(context.special_product(t), m.q), c0, c0, n);
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
        for (int d = 0; d < digit_count; ++d) raised.push_back(scratch.raised[static_cast<std::size_t>(d)].get());
        std::vector<const u32*> digits;
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

void mod_down_sources(const Context& context, Poly& extended, int level, int dropped, u32* small) {
    const auto& k = context.kernels();
    const auto& conversion = context.mod_down(level, dropped);
    const auto limbs = source_limbs(context, level, dropped);
    std::array<const i32*, ring::max_conversion_sources> sources;
    for (std::size_t i = 0; i < limbs.size(); ++i) {
        u32* x = extended[static_cast<std::size_t>(limbs[i])];
        k.ntt_inverse_centred(context.table(limbs[i]), conversion.weighted_inverse[i], x, as_signed(x));
        sources[i] = as_signed(x);
    }
    k.quotient(sources.data(), conversion.reciprocal.data(), static_cast<int>(limbs.size()), conversion.shift,
               as_signed(small), context.degree());
}

void mod_down_targets(const Context& context, std::span<const ModDownItem> items, int level, int dropped,
                      std::span<const int> targets) {
    const auto& k = context.kernels();
    const auto& conversion = context.mod_down(level, dropped);
    const auto limbs = source_limbs(context, level, dropped);
    std::vector<const i32*> sources(limbs.size());
    for (const auto& item : items) {
        for (std::size_t i = 0; i < limbs.size(); ++i)
            sources[i] = as_signed((*item.extended)[static_cast<std::size_t>(limbs[i])]);
        convert_to(context, conversion, sources, as_signed(item.small), targets, item.room);
    }
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const int t = targets[i];
        const auto& m = context.modulus(t);
        const auto factor = context.division_inverse(t, level, dropped);
        for (const auto& item : items) {
            k.ntt_forward(context.table(t), item.room[i], item.room[i]);
            u32* x = (*item.extended)[static_cast<std::size_t>(t)];
            k.subtract_scale(m, factor, ring::reduce_signed(item.bias, m.q), x, item.room[i], x, context.degree());
        }
    }
}

Ciphertext rescale(const Context& context, const Ciphertext& ciphertext, LimbPool& pool) {
    const auto& k = context.kernels();
    const std::size_t n = context.degree();
    const int level = ciphertext.level();
    const auto last = static_cast<std::size_t>(level - 1);
    assert(level >= 2);
    Ciphertext result{ring::make_poly(pool, level - 1), ring::make_poly(pool, level - 1)};
    const Limb y = pool.take(), lifted = pool.take();
    for (int part = 0; part < 2; ++part) {
        const Poly& in = part == 0 ? ciphertext.c0 : ciphertext.c1;
        Poly& out = part == 0 ? result.c0 : result.c1;
        k.ntt_inverse_centred(context.table(level - 1), context.unit_scale(level - 1), in[last], as_signed(y.get()));
        for (int t = 0; t < level - 1; ++t) {
            const auto limb = static_cast<std::size_t>(t);
            const u32 q = context.prime(t);
            for (std::size_t i = 0; i < n; ++i) lifted[i] = ring::reduce_signed(as_signed(y.get())[i], q);
            k.ntt_forward(context.table(t), lifted.get(), lifted.get());
            const u32 inverse = ring::inverse_mod(context.prime(level - 1) % q, q);
            k.subtract_scale(context.modulus(t), ring::make_factor(inverse, q), 0, in[limb], lifted.get(), out[limb],
                             n);
        }
    }
    return result;
}

}  // namespace obscura::ckks
