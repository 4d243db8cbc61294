#include "ckks/mod_up.hpp"

#include <array>

#include "ckks/base_conversion.hpp"

namespace obscura::ckks {

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
                        std::span<const int> targets, std::size_t target, std::span<const u32* const> next) {
    const int digits = context.parameters().digits(level), t = targets[target];
    std::size_t done = 0;
    for (const auto& item : items)
        for (int d = 0; d < digits; ++d) {
            u32* limb = item.out[static_cast<std::size_t>(d) * targets.size() + target];
            const bool own = t >= context.digit_begin(d) && t < context.digit_end(d, level);
            if (limb == nullptr || own) continue;
            context.kernels().ntt_forward(context.table(t), limb, limb, {done < next.size() ? next[done] : nullptr});
            ++done;
        }
}

void mod_up(const Context& context, std::span<const ModUpItem> items, int level, bool plain,
            std::span<const int> targets) {
    mod_up_coefficients(context, items, level, plain, targets);
    for (std::size_t i = 0; i < targets.size(); ++i) mod_up_evaluations(context, items, level, targets, i);
}

ring::Factor digit_unweight(const Context& context, int level, int t) {
    const int d = t / context.parameters().digit_limbs();
    return context.mod_up(d, level).unweight[static_cast<std::size_t>(t - context.digit_begin(d))];
}

void digit_evaluations(const Context& context, const Poly& digits, int level, int t, u32* out) {
    const auto& m = context.modulus(t);
    const auto factor = digit_unweight(context, level, t);
    const u32* y = digits[static_cast<std::size_t>(t)];
    context.kernels().scale_signed(m, factor, as_signed(y), out, context.degree());
    context.kernels().ntt_forward(context.table(t), out, out);
}

}  // namespace obscura::ckks
