#include "compiler/parameter_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

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

/// Special primes above this size are simply the largest there are: little is left between.
constexpr double almost_full_bits = 29.5;

double log2_of(std::span<const std::uint32_t> primes) {
    double bits = 0;
    for (const auto q : primes) bits += std::log2(q);
    return bits;
}

/// log2 of the size wanted of each chain prime that rescales, prime_bits at most; 0 for those that scale masks.
///
/// A weight is (scale of z) q / (scale of u) in units of what it does to z, and has options.weight_bits if that is
/// 2^weight_bits: u has twice the bits of z, and the last squares have fewer than the others.
std::vector<double> prime_sizes(const Levels& levels, const CompileOptions& options) {
    std::vector<double> sizes;
    bool last_squares = true;
    for (std::size_t i = 0; i < levels.mask.size(); ++i) {
        double bits = ring::prime_bits;
        if (levels.mask[i]) bits = 0;
        if (!levels.mask[i] && i >= base_limbs && options.weight_bits != 0) {
            const double scale = last_squares ? std::min(options.log_scale, options.last_log_scale) : options.log_scale;
            bits = std::min(bits, 2 * options.log_scale - scale + options.weight_bits);
            last_squares = false;
        }
        sizes.push_back(bits);
    }
    return sizes;
}

/// The chain; `larger` primes above all of it are left for other use.
std::vector<std::uint32_t> chain_primes(const Levels& levels, int log_degree, const CompileOptions& options,
                                        int larger) {
    const std::vector<double> sizes = prime_sizes(levels, options);
    const int count = levels.count();
    std::map<double, std::vector<std::uint32_t>> candidates;
    for (const double size : sizes) {
        if (candidates.contains(size)) continue;
        if (size == 0)
            candidates[size] = ring::ntt_primes_above(mask_scale, log_degree, larger + count);
        else if (size == ring::prime_bits)
            candidates[size] = ring::ntt_primes(log_degree, larger + count);
        else
            candidates[size] =
                ring::ntt_primes_near(static_cast<std::uint32_t>(std::exp2(size)), log_degree, larger + count);
    }
    const auto largest = ring::ntt_primes(log_degree, larger);
    std::set<std::uint32_t> taken(largest.begin(), largest.end());
    std::vector<std::uint32_t> chain;
    for (const double size : sizes) {
        const auto& list = candidates.at(size);
        chain.push_back(*std::find_if(list.begin(), list.end(), [&](auto q) { return !taken.contains(q); }));
        taken.insert(chain.back());
    }
    return chain;
}

/// log2 of the largest key switching digit of so many limbs.
double largest_digit_bits(const std::vector<std::uint32_t>& chain, int limbs) {
    double largest = 0;
    for (std::size_t begin = 0; begin < chain.size(); begin += static_cast<std::size_t>(limbs))
        largest = std::max(largest, log2_of(std::span(chain).subspan(
                                        begin, std::min(chain.size() - begin, static_cast<std::size_t>(limbs)))));
    return largest;
}

/// The first `count` that are not in the chain.
std::vector<std::uint32_t> outside(const std::vector<std::uint32_t>& chain, std::vector<std::uint32_t> primes,
                                   int count) {
    std::erase_if(primes, [&](auto q) { return std::find(chain.begin(), chain.end(), q) != chain.end(); });
    primes.resize(static_cast<std::size_t>(count));
    return primes;
}

/// `special` primes that make P as large as any digit.
ckks::ParametersLiteral full_literal(const Levels& levels, int log_degree, int special, const CompileOptions& options) {
    ckks::ParametersLiteral result;
    result.log_degree = log_degree;
    result.chain = chain_primes(levels, log_degree, options, special);
    const double size = largest_digit_bits(result.chain, special) / special;
    result.special = size > almost_full_bits
                         ? ring::ntt_primes(log_degree, special)
                         : outside(result.chain,
                                   ring::ntt_primes_above(static_cast<std::uint32_t>(std::ceil(std::exp2(size))),
                                                          log_degree, special + levels.count()),
                                   special);
    result.digit_limbs = special;
    return result;
}

/// At most a third of the limbs, which makes three digits.
int most_special_of(const Levels& levels) {
    return std::min(most_special, (levels.count() + 2) / 3);
}

/// So many special primes, if they are secure. The last bits of security may be had by making all of them smaller:
/// digits may be larger than P within limits. No special primes: not secure.
ckks::ParametersLiteral secure_literal(const Levels& levels, int log_degree, int special,
                                       const CompileOptions& options) {
    const double bound = ckks::max_log2_qp_128(log_degree);
    auto literal = full_literal(levels, log_degree, special, options);
    if (log2_of(literal.chain) + log2_of(literal.special) <= bound) return literal;
    literal.chain = chain_primes(levels, log_degree, options, 0);
    const double room = bound - log2_of(literal.chain);
    if (room < largest_digit_bits(literal.chain, special) - ckks::most_digit_excess_bits) return {};
    const auto largest = static_cast<std::uint32_t>(std::exp2(std::min<double>(room / special, ring::prime_bits)));
    literal.special =
        outside(literal.chain, ring::ntt_primes_below(largest, log_degree, special + levels.count()), special);
    return literal;
}

std::vector<ckks::ParametersLiteral> secure_literals(const Levels& levels, int log_degree,
                                                     const CompileOptions& options) {
    std::vector<ckks::ParametersLiteral> result;
    for (int special = most_special_of(levels); special >= 1; --special) {
        // With many more digits than this, a ring of twice the degree with larger digits is faster.
        if ((levels.count() + special - 1) / special > ring::max_inner_digits) break;
        auto literal = secure_literal(levels, log_degree, special, options);
        if (!literal.special.empty()) result.push_back(std::move(literal));
    }
    return result;
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

std::vector<ckks::ParametersLiteral> parameter_choices(const Levels& levels, int tiles, const CompileOptions& options) {
    if (options.log_degree != 0) {
        auto literals = secure_literals(levels, options.log_degree, options);
        if (!literals.empty()) return literals;
        if (!options.insecure_for_tests)
            throw Error(
                ErrorCode::security,
                fmt::format("{} limbs of up to {} bits are not secure at N = 2^{} (log2 QP at most {}); leave out the "
                            "ring degree to have it chosen",
                            levels.count() + 1, ring::prime_bits, options.log_degree,
                            ckks::max_log2_qp_128(options.log_degree)));
        auto literal = full_literal(levels, options.log_degree, most_special_of(levels), options);
        literal.insecure_for_tests = true;
        return {std::move(literal)};
    }
    for (int log_degree = smallest_log_degree; log_degree <= largest_log_degree; ++log_degree) {
        if (tiles > 1 << log_degree) continue;
        auto literals = secure_literals(levels, log_degree, options);
        if (!literals.empty()) return literals;
    }
    throw Error(ErrorCode::security,
                fmt::format("{} limbs do not fit any ring degree up to 2^{} at 128 bits; use a shallower network",
                            levels.count(), largest_log_degree));
}

}  // namespace obscura::compiler
