#include "compiler/parameter_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "ring/kernels/kernels.hpp"
#include "ring/primes.hpp"

namespace obscura::compiler {
namespace {

/// Limbs left for the result: two primes of 30 bits hold the class scores.
constexpr int base_limbs = 2;
constexpr int smallest_log_degree = 12;
constexpr int largest_log_degree = 17;
/// Division by the special primes and one or two of the chain is one base conversion.
constexpr int most_special = ring::max_conversion_sources - 2;
/// Masks are scaled by the smallest primes above this: their rounding errors are 2^-13 of a value at N = 2^15, well
/// below what rescaling adds.
constexpr std::uint32_t mask_scale = 1u << 19;

std::vector<std::uint32_t> chain_primes(const Levels& levels, int log_degree, int larger) {
    const auto masks = static_cast<int>(std::count(levels.mask.begin(), levels.mask.end(), true));
    const auto wide = ring::ntt_primes(log_degree, larger + levels.count() - masks);
    const auto small = ring::ntt_primes_above(mask_scale, log_degree, masks);
    auto next_wide = wide.begin() + larger;
    auto next_small = small.begin();
    std::vector<std::uint32_t> chain;
    for (const bool mask : levels.mask) chain.push_back(mask ? *next_small++ : *next_wide++);
    return chain;
}

double log2_of(const std::vector<std::uint32_t>& primes) {
    double bits = 0;
    for (const auto q : primes) bits += std::log2(q);
    return bits;
}

/// `special` primes of 30 bits, larger than those of the chain: P is as large as any digit.
ckks::ParametersLiteral full_literal(const Levels& levels, int log_degree, int special, bool insecure) {
    ckks::ParametersLiteral result;
    result.log_degree = log_degree;
    result.special = ring::ntt_primes(log_degree, special);
    result.chain = chain_primes(levels, log_degree, special);
    result.digit_limbs = special;
    result.insecure_for_tests = insecure;
    return result;
}

/// As many special primes as security allows, at most a third of the limbs, beyond which nothing is gained. The last
/// one may cost some bits of all of them: digits may be larger than P within limits. No special primes: nothing fits.
ckks::ParametersLiteral secure_literal(const Levels& levels, int log_degree) {
    const double bound = ckks::max_log2_qp_128(log_degree);
    for (int special = std::min(most_special, (levels.count() + 2) / 3); special >= 1; --special) {
        auto literal = full_literal(levels, log_degree, special, false);
        if (log2_of(literal.chain) + log2_of(literal.special) <= bound) return literal;
        literal.chain = chain_primes(levels, log_degree, 0);
        const double room = bound - log2_of(literal.chain);
        if (room < special * ring::prime_bits - ckks::most_digit_excess_bits) continue;
        const auto smallest_wide = *std::min_element(literal.chain.begin(), literal.chain.end(), [](auto a, auto b) {
            return (a >> 29 ? a : UINT32_MAX) < (b >> 29 ? b : UINT32_MAX);
        });
        literal.special = ring::ntt_primes_below(
            std::min(smallest_wide, static_cast<std::uint32_t>(std::exp2(room / special))), log_degree, special);
        return literal;
    }
    return {};
}

}  // namespace

Levels assign_levels(const plan::RealNetwork& network, const Merging& merging) {
    // Primes used up before each layer and its output, then levels counted from the end.
    std::vector<int> before;
    std::vector<int> depth{0};
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const plan::RealLayer& layer = network.layers[i];
        int deepest = 0;
        for (std::size_t o = 0; o < layer.operands.size(); ++o)
            deepest = std::max(deepest, depth[static_cast<std::size_t>(layer.operands[o].source + 1)] +
                                            (merging.operands[i][o] != 0 ? 1 : 0));
        before.push_back(deepest);
        depth.push_back(deepest + (layer.finish == plan::Finish::square ? 1 : 0) + (merging.masked[i] ? 1 : 0));
    }
    const int count = depth.back() + base_limbs;
    Levels levels;
    levels.mask.assign(static_cast<std::size_t>(count), false);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        levels.layers.push_back(count - before[i]);
        if (merging.masked[i]) levels.mask[static_cast<std::size_t>(levels.layers.back() - 1)] = true;
        auto& operands = levels.operands.emplace_back();
        for (std::size_t o = 0; o < network.layers[i].operands.size(); ++o) {
            const auto source = static_cast<std::size_t>(network.layers[i].operands[o].source + 1);
            operands.push_back(merging.operands[i][o] != 0 ? count - depth[source] : 0);
            if (operands.back() != 0) levels.mask[static_cast<std::size_t>(operands.back() - 1)] = true;
        }
    }
    for (std::size_t i = 0; i < network.layers.size(); ++i)
        if (network.layers[i].finish == plan::Finish::square &&
            levels.mask[static_cast<std::size_t>(count - depth[i + 1])])
            throw Error(ErrorCode::unsupported,
                        fmt::format("{}: its prime would have to be that of another branch's masks; compile without "
                                    "merging of tiles, and train with cyclic padding",
                                    network.layers[i].name));
    return levels;
}

ckks::ParametersLiteral choose_parameters(const Levels& levels, int tiles, const CompileOptions& options) {
    if (options.log_degree != 0) {
        auto literal = secure_literal(levels, options.log_degree);
        if (!literal.special.empty()) return literal;
        if (!options.insecure_for_tests)
            throw Error(
                ErrorCode::security,
                fmt::format("{} limbs of up to {} bits are not secure at N = 2^{} (log2 QP at most {}); leave out the "
                            "ring degree to have it chosen",
                            levels.count() + 1, ring::prime_bits, options.log_degree,
                            ckks::max_log2_qp_128(options.log_degree)));
        return full_literal(levels, options.log_degree, std::min(most_special, (levels.count() + 2) / 3), true);
    }
    for (int log_degree = smallest_log_degree; log_degree <= largest_log_degree; ++log_degree) {
        if (tiles > 1 << log_degree) continue;
        auto literal = secure_literal(levels, log_degree);
        // With many more digits than this, a ring of twice the degree with larger digits is faster.
        if (!literal.special.empty() &&
            (levels.count() + literal.digit_limbs - 1) / literal.digit_limbs <= ring::max_inner_digits)
            return literal;
    }
    throw Error(ErrorCode::security,
                fmt::format("{} limbs do not fit any ring degree up to 2^{} at 128 bits; use a shallower network",
                            levels.count(), largest_log_degree));
}

}  // namespace obscura::compiler
