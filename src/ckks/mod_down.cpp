#include "ckks/mod_down.hpp"

#include <array>
#include <cassert>
#include <vector>

#include "ckks/base_conversion.hpp"
#include "ckks/mod_up.hpp"

namespace obscura::ckks {

namespace {

/// Sources of a ModDown in the order of its Conversion.
std::vector<int> source_limbs(const Context& context, int level, int dropped) {
    std::vector<int> limbs;
    limbs.reserve(static_cast<std::size_t>(context.special_limbs()) + static_cast<std::size_t>(dropped));
    for (int k = 0; k < context.special_limbs(); ++k) limbs.push_back(context.levels() + k);
    for (int i = 1; i <= dropped; ++i) limbs.push_back(level - i);
    return limbs;
}

ring::Factor factor_of(i64 weight, u32 q) {
    return ring::make_factor(ring::reduce_signed(weight, q), q);
}

/// Are the addend's limbs coefficients, as digits? Else they are evaluations.
bool is_digits(const Addend& addend) {
    return addend.part == 1 && addend.operand->has_digits();
}

/// The limb of an addend that is read for limb t, or null; of digits P c1 is zero modulo the special primes.
const u32* addend_limb(const Context& context, const Addend& addend, int t) {
    if (addend.operand == nullptr) return nullptr;
    const auto limb = static_cast<std::size_t>(t);
    if (is_digits(addend)) return t < context.levels() ? addend.operand->digits1[limb] : nullptr;
    return (addend.part == 0 ? addend.operand->extended0 : addend.operand->extended1)[limb];
}

/// Adds to a source limb, in evaluations; takes `room`.
void add_to_source(const Context& context, const Addend& addend, int t, u32* room, u32* x) {
    const u32* evaluations = addend_limb(context, addend, t);
    if (evaluations == nullptr) return;
    if (is_digits(addend)) {
        digit_evaluations(context, addend.operand->digits1, addend.operand->digit_level, t, room);
        evaluations = room;
    }
    context.kernels().add_scaled(context.modulus(t), factor_of(addend.weight, context.prime(t)), as_signed(evaluations),
                                 x, context.degree());
}

/// Takes the addend out of v, which is subtracted: its evaluations, or coefficients.
void subtract_addend(const Context& context, const Addend& addend, int t, u32* v) {
    const u32 q = context.prime(t);
    auto factor = factor_of(-addend.weight, q);
    if (is_digits(addend)) {
        const auto unweight = digit_unweight(context, addend.operand->digit_level, t);
        factor = ring::make_factor(ring::mul_mod(factor.value, unweight.value, q), q);
    }
    context.kernels().add_scaled(context.modulus(t), factor, as_signed(addend_limb(context, addend, t)), v,
                                 context.degree());
}

}  // namespace

void mod_down_sources(const Context& context, Poly& extended, int level, int dropped, u32* small,
                      const Addend& addend) {
    const auto& k = context.kernels();
    const auto& conversion = context.mod_down(level, dropped);
    const auto limbs = source_limbs(context, level, dropped);
    std::array<const i32*, ring::max_conversion_sources> sources;
    for (std::size_t i = 0; i < limbs.size(); ++i) {
        u32* x = extended[static_cast<std::size_t>(limbs[i])];
        add_to_source(context, addend, limbs[i], small, x);
        ring::NextLimbs next;
        if (i + 1 < limbs.size())
            next = {extended[static_cast<std::size_t>(limbs[i + 1])], addend_limb(context, addend, limbs[i + 1])};
        k.ntt_inverse_centred(context.table(limbs[i]), conversion.weighted_inverse[i], x, as_signed(x), next);
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
        for (std::size_t j = 0; j < items.size(); ++j) {
            const auto& item = items[j];
            const bool has_addend = item.addend.operand != nullptr;
            const u32* following = nullptr;  // what is added to the item after this one
            if (j + 1 < items.size())
                following = addend_limb(context, items[j + 1].addend, t);
            else if (i + 1 < targets.size())
                following = addend_limb(context, items[0].addend, targets[i + 1]);
            u32* x = (*item.extended)[static_cast<std::size_t>(t)];
            u32* v = item.room[i];
            if (has_addend && is_digits(item.addend)) subtract_addend(context, item.addend, t, v);
            k.ntt_forward(context.table(t), v, v, {x, following});
            if (has_addend && !is_digits(item.addend)) subtract_addend(context, item.addend, t, v);
            k.subtract_scale(m, factor, ring::reduce_signed(item.bias, m.q), x, v, x, context.degree());
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
