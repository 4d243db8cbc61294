#include "compiler/parameter_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "ring/primes.hpp"

namespace obscura::compiler {
namespace {

/// Limbs left for the result: two primes of 30 bits hold the class scores.
constexpr int base_limbs = 2;
constexpr int smallest_log_degree = 12;
constexpr int largest_log_degree = 17;
/// More digits than this make key switching slower than a ring of twice the degree with few digits.
constexpr int most_digits = 6;

/// Special primes that fit the security bound; at most a third of the limbs, beyond which nothing is gained.
int special_limbs(int log_degree, int levels) {
    const int room = ckks::max_log2_qp_128(log_degree) / ring::prime_bits - levels;
    return std::min(room, (levels + 2) / 3);
}

ckks::ParametersLiteral literal(int log_degree, int levels, int special, bool insecure) {
    const auto primes = ring::ntt_primes(log_degree, levels + special);
    ckks::ParametersLiteral result;
    result.log_degree = log_degree;
    // The largest primes are the special ones: P must be at least as large as any digit.
    result.special.assign(primes.begin(), primes.begin() + special);
    result.chain.assign(primes.begin() + special, primes.end());
    result.digit_limbs = special;
    result.insecure_for_tests = insecure;
    return result;
}

}  // namespace

std::vector<int> assign_levels(const plan::RealNetwork& network) {
    // Squares used up before each layer's output, then levels counted from the end.
    std::vector<int> depth_before;
    std::vector<int> depth{0};
    for (const plan::RealLayer& layer : network.layers) {
        int deepest = 0;
        for (const plan::RealOperand& operand : layer.operands)
            deepest = std::max(deepest, depth[static_cast<std::size_t>(operand.source + 1)]);
        depth_before.push_back(deepest);
        depth.push_back(deepest + (layer.finish == plan::Finish::square ? 1 : 0));
    }
    for (int& level : depth_before) level = depth.back() + base_limbs - level;
    return depth_before;
}

ckks::ParametersLiteral choose_parameters(int levels, int tiles, const CompileOptions& options) {
    if (options.log_degree != 0) {
        const int special = special_limbs(options.log_degree, levels);
        if (special >= 1) return literal(options.log_degree, levels, special, false);
        if (!options.insecure_for_tests)
            throw Error(
                ErrorCode::security,
                fmt::format("{} limbs of {} bits are not secure at N = 2^{} (log2 QP at most {}); leave out the "
                            "ring degree to have it chosen",
                            levels + 1, ring::prime_bits, options.log_degree,
                            ckks::max_log2_qp_128(options.log_degree)));
        return literal(options.log_degree, levels, (levels + 2) / 3, true);
    }
    for (int log_degree = smallest_log_degree; log_degree <= largest_log_degree; ++log_degree) {
        const int special = special_limbs(log_degree, levels);
        if (special >= 1 && (levels + special - 1) / special <= most_digits && tiles <= 1 << log_degree)
            return literal(log_degree, levels, special, false);
    }
    throw Error(ErrorCode::security,
                fmt::format("{} limbs do not fit any ring degree up to 2^{} at 128 bits; use a shallower network",
                            levels, largest_log_degree));
}

}  // namespace obscura::compiler
