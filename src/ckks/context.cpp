#include "ckks/context.hpp"

#include <algorithm>
#include <cassert>

#include "ring/conversion_bounds.hpp"

namespace obscura::ckks {

using ring::inverse_mod;
using ring::make_factor;
using ring::mul_mod;

Context::Context(const Parameters& parameters) : Context(parameters, *std::make_unique<ring::NttTables>()) {}

Context::Context(const Parameters& parameters, ring::NttTables& tables)
    : parameters_(parameters), kernels_(&ring::default_kernels()), digest_(parameters.digest()) {
    const auto& literal = parameters_.literal();
    for (const auto* list : {&literal.chain, &literal.special})
        for (const u32 q : *list) {
            tables_.push_back(tables.get(literal.log_degree, q));
            unit_scale_.push_back(ring::make_inverse_scale(*tables_.back(), 1));
        }
    const int levels = this->levels(), special = special_limbs();
    for (int t = 0; t < levels; ++t) {
        u32 product = 1;
        for (int k = 0; k < special; ++k) product = mul_mod(product, prime(levels + k) % prime(t), prime(t));
        special_inverse_.push_back(inverse_mod(product, prime(t)));
    }
    for (int digit = 0; digit < parameters_.digits(levels); ++digit) {
        auto& plain = mod_up_plain_.emplace_back();
        auto& exact = mod_up_.emplace_back();
        std::vector<int> sources;
        plain.emplace_back();
        exact.emplace_back();
        for (int i = digit_begin(digit); i < digit_end(digit, levels); ++i) {
            sources.push_back(i);
            plain.push_back(make_conversion(sources, Factors::plain));
            exact.push_back(make_conversion(sources, Factors::montgomery));
        }
    }
    std::vector<int> specials;
    for (int k = 0; k < special; ++k) specials.push_back(levels + k);
    for (int dropped = 0; dropped <= 2; ++dropped) {
        auto& conversions = mod_down_[static_cast<std::size_t>(dropped)];
        conversions.resize(static_cast<std::size_t>(levels) + 1);
        for (int level = dropped + 1; level <= levels; ++level) {
            auto sources = specials;
            for (int i = 1; i <= dropped; ++i) sources.push_back(level - i);
            conversions[static_cast<std::size_t>(level)] = make_conversion(sources, Factors::divided);
        }
    }
}

Conversion Context::make_conversion(const std::vector<int>& sources, Factors factors) const {
    Conversion c;
    const bool montgomery = factors != Factors::plain, divided = factors == Factors::divided;
    const std::size_t n = sources.size();
    std::vector<u32> primes;
    for (const int source : sources) primes.push_back(prime(source));
    assert(n <= static_cast<std::size_t>(ring::max_conversion_sources));
    c.shift = ring::reciprocal_shift(primes);
    auto product_without = [&](std::size_t skip, u32 q) {
        u32 product = 1;
        for (std::size_t i = 0; i < n; ++i)
            if (i != skip) product = mul_mod(product, prime(sources[i]) % q, q);
        return product;
    };
    for (std::size_t i = 0; i < n; ++i) {
        const u32 s = prime(sources[i]);
        u32 rest = product_without(i, s);
        if (divided && sources[i] < levels()) rest = mul_mod(rest, special_inverse(sources[i]), s);
        const u32 weight = inverse_mod(rest, s);
        c.weight.push_back(make_factor(weight, s));
        c.unweight.push_back(make_factor(rest, s));
        c.weighted_inverse.push_back(ring::make_inverse_scale(
            table(sources[i]), montgomery ? weight : mul_mod(weight, modulus(sources[i]).r, s)));
        c.reciprocal.push_back(static_cast<i32>(((u64{1} << c.shift) + s / 2) / s));
    }
    c.factor.resize(static_cast<std::size_t>(limbs()));
    c.minus_product.resize(static_cast<std::size_t>(limbs()));
    for (int t = 0; t < limbs(); ++t) {
        if (std::find(sources.begin(), sources.end(), t) != sources.end()) continue;
        const auto& m = modulus(t);
        if (divided && t >= levels()) continue;
        const u32 unit = mul_mod(montgomery ? m.r : 1, divided ? special_inverse(t) : 1, m.q);
        auto scaled = [&](u32 v) { return ring::centred(mul_mod(v, unit, m.q), m.q); };
        for (std::size_t i = 0; i < n; ++i)
            c.factor[static_cast<std::size_t>(t)].push_back(scaled(product_without(i, m.q)));
        c.minus_product[static_cast<std::size_t>(t)] = scaled((m.q - product_without(n, m.q)) % m.q);
    }
    return c;
}

const Conversion& Context::mod_up_plain(int digit, int level) const {
    return mod_up_plain_[static_cast<std::size_t>(digit)]
                        [static_cast<std::size_t>(digit_end(digit, level) - digit_begin(digit))];
}

const Conversion& Context::mod_up(int digit, int level) const {
    return mod_up_[static_cast<std::size_t>(digit)]
                  [static_cast<std::size_t>(digit_end(digit, level) - digit_begin(digit))];
}

const Conversion& Context::mod_down(int level, int dropped) const {
    const auto& conversion = mod_down_[static_cast<std::size_t>(dropped)][static_cast<std::size_t>(level)];
    assert(!conversion.weight.empty());
    return conversion;
}

ring::Factor Context::division_inverse(int limb, int level, int dropped) const {
    const u32 q = prime(limb);
    u32 product = 1;
    for (int i = 1; i <= dropped; ++i) product = mul_mod(product, prime(level - i) % q, q);
    return make_factor(inverse_mod(product, q), q);
}

}  // namespace obscura::ckks
