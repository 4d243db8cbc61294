#include <array>
#include <cassert>

#include "base/groups.hpp"
#include "ckks/base_conversion.hpp"
#include "ckks/key_switch.hpp"

namespace obscura::ckks {

namespace {

/// A square on its way through relinearisation. Special primes come first, so that c1 can be divided by P modulo every
/// other one while it is in the caches (unless it stays extended); and z0, z1 are multiplied where the key products are
/// added, not before, so that memory is read and written once.
class Relinearisation {
  public:
    Relinearisation(const Context& context, const SwitchingKey& key, int level, bool divides, SwitchScratch& scratch)
        : context_(context),
          key_(key),
          scratch_(scratch),
          level_(level),
          divides_(divides),
          digit_limbs_(context.parameters().digit_limbs()),
          digit_count_(context.parameters().digits(level)),
          down_(context.mod_down(level, 0)) {
        for (int t = 0; t < level; ++t) digits_.push_back(scratch.digits[static_cast<std::size_t>(t)].get());
        for (const Limb& limb : scratch.special) special_.push_back(as_signed(limb.get()));
    }

    /// From z to c0 in evaluations and c1 as digits, or extended like c0; what is extended has all limbs.
    void run(Poly& c0, Poly& c1) {
        const auto& k = context_.kernels();
        for (int t = 0; t < level_; ++t) lift_digit(t, c1);
        for (const auto& targets : in_groups(context_.levels(), context_.limbs(), SwitchScratch::group)) {
            const Raised raised = raise(targets);
            for (std::size_t i = 0; i < targets.size(); ++i) switch_special(raised, i, c0, c1);
        }
        if (divides_)
            k.quotient(special_.data(), down_.reciprocal.data(), static_cast<int>(special_.size()), down_.shift,
                       as_signed(scratch_.small.get()), context_.degree());
        for (const auto& targets : in_groups(0, level_, SwitchScratch::group)) {
            const Raised raised = raise(targets);
            for (std::size_t i = 0; i < targets.size(); ++i) switch_chain(raised, i, c0, c1);
            if (divides_) divide(targets, c1);
        }
    }

  private:
    /// z1^2 / 2^32 modulo one prime, in evaluations and as part of a digit.
    void lift_digit(int t, const Poly& z1) {
        const auto& k = context_.kernels();
        const auto limb = static_cast<std::size_t>(t);
        const int d = t / digit_limbs_;
        u32* square = scratch_.square[limb].get();
        k.multiply(context_.modulus(t), z1[limb], z1[limb], square, context_.degree());
        k.ntt_inverse_centred(
            context_.table(t),
            context_.mod_up_plain(d, level_).weighted_inverse[static_cast<std::size_t>(t - context_.digit_begin(d))],
            square, as_signed(scratch_.digits[limb].get()), {t + 1 < level_ ? z1[limb + 1] : nullptr});
    }

    /// Digits lifted to some targets, which become evaluations one target after the other.
    struct Raised {
        const std::vector<int>& targets;
        std::vector<u32*> limbs;  ///< [digit][target]
    };
    Raised raise(const std::vector<int>& targets) {
        Raised raised{targets, {}};
        for (std::size_t i = 0; i < static_cast<std::size_t>(digit_count_) * targets.size(); ++i)
            raised.limbs.push_back(scratch_.raised[i].get());
        const ModUpItem item{digits_.data(), raised.limbs.data()};
        mod_up_coefficients(context_, {&item, 1}, level_, true, targets);
        return raised;
    }

    /// What a key product modulo targets[i] reads; fetches `next` on the way.
    struct Factors {
        std::array<const u32*, ring::max_inner_digits> digits, b, a;
    };
    Factors factors(const Raised& raised, std::size_t i, std::span<const u32* const> next) {
        const ModUpItem item{digits_.data(), raised.limbs.data()};
        mod_up_evaluations(context_, {&item, 1}, level_, raised.targets, i, next);
        const int t = raised.targets[i];
        const auto limb = static_cast<std::size_t>(t);
        Factors f;
        for (int d = 0; d < digit_count_; ++d) {
            const auto at = static_cast<std::size_t>(d);
            const bool own = t < level_ && d == t / digit_limbs_;
            f.digits[at] = own ? scratch_.square[limb].get() : raised.limbs[at * raised.targets.size() + i];
            f.b[at] = key_.b[at][limb];
            f.a[at] = key_.a[at][limb];
        }
        return f;
    }
    void switch_special(const Raised& raised, std::size_t i, Poly& c0, Poly& c1) {
        const auto& k = context_.kernels();
        const int t = raised.targets[i];
        const auto limb = static_cast<std::size_t>(t), j = limb - static_cast<std::size_t>(context_.levels());
        const Factors f = factors(raised, i, {});
        u32* product = divides_ ? scratch_.products[i].get() : c1[limb];
        k.inner_product(context_.modulus(t), f.digits.data(), f.b.data(), f.a.data(), digit_count_, nullptr, 0,
                        c0[limb], product, context_.degree());
        if (divides_)
            k.ntt_inverse_centred(context_.table(t), down_.weighted_inverse[j], product,
                                  as_signed(scratch_.special[j].get()));
    }
    /// If c1 is to be divided, it goes to products[i], in coefficients.
    void switch_chain(const Raised& raised, std::size_t i, Poly& c0, Poly& c1) {
        const auto& k = context_.kernels();
        const int t = raised.targets[i];
        const auto limb = static_cast<std::size_t>(t);
        const u32* z[] = {c0[limb], c1[limb]};
        const Factors f = factors(raised, i, z);
        u32* product = divides_ ? scratch_.products[i].get() : c1[limb];
        k.square_inner_product(context_.modulus(t), f.digits.data(), f.b.data(), f.a.data(), digit_count_, c0[limb],
                               c1[limb], c0[limb], product, context_.degree());
        if (divides_) k.ntt_inverse(context_.table(t), context_.unit_scale(t), product, product);
    }
    /// c1 divided by P, as digits.
    void divide(const std::vector<int>& targets, Poly& c1) {
        std::vector<u32*> converted;  // the raised digits are used up
        for (std::size_t i = 0; i < targets.size(); ++i) converted.push_back(scratch_.raised[i].get());
        convert_to(context_, down_, special_, as_signed(scratch_.small.get()), targets, converted.data());
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const int t = targets[i], d = t / digit_limbs_;
            context_.kernels().subtract_scale_centred(
                context_.modulus(t),
                context_.mod_up(d, level_).weight[static_cast<std::size_t>(t - context_.digit_begin(d))],
                scratch_.products[i].get(), converted[i], as_signed(c1[static_cast<std::size_t>(t)]),
                context_.degree());
        }
    }

    const Context& context_;
    const SwitchingKey& key_;
    SwitchScratch& scratch_;
    int level_;
    bool divides_;
    int digit_limbs_, digit_count_;
    const Conversion& down_;
    std::vector<const u32*> digits_;
    std::vector<const i32*> special_;
};

}  // namespace

Operand square_relinearise(const Context& context, const SwitchingKey& key, Ciphertext&& z, bool rotated,
                           LimbPool& pool, SwitchScratch& scratch) {
    const auto extend = [&](Poly& poly) {
        poly.limbs.resize(static_cast<std::size_t>(context.limbs()));
        for (int t = context.levels(); t < context.limbs(); ++t) poly.limbs[static_cast<std::size_t>(t)] = pool.take();
    };
    Operand result;
    result.level = result.digit_level = z.level();
    assert(key.level >= result.level);
    result.extended0 = std::move(z.c0);
    extend(result.extended0);
    Poly& c1 = rotated ? result.digits1 : result.extended1;
    c1 = std::move(z.c1);
    if (!rotated) extend(c1);
    Relinearisation(context, key, result.level, rotated, scratch).run(result.extended0, c1);
    return result;
}

}  // namespace obscura::ckks
