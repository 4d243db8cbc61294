#include "ckks/mod_down.hpp"

#include <array>
#include <cassert>
#include <vector>

#include "ckks/base_conversion.hpp"

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

}  // namespace

void mod_down_sources(const Context& context, Poly& extended, int level, int dropped, u32* small) {
    const auto& k = context.kernels();
    const auto& conversion = context.mod_down(level, dropped);
    const auto limbs = source_limbs(context, level, dropped);
    std::array<const i32*, ring::max_conversion_sources> sources;
    for (std::size_t i = 0; i < limbs.size(); ++i) {
        u32* x = extended[static_cast<std::size_t>(limbs[i])];
        const u32* next = i + 1 < limbs.size() ? extended[static_cast<std::size_t>(limbs[i + 1])] : nullptr;
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
        for (const auto& item : items) {
            u32* x = (*item.extended)[static_cast<std::size_t>(t)];
            k.ntt_forward(context.table(t), item.room[i], item.room[i], x);
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
