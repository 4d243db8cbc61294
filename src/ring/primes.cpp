#include "ring/primes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace obscura::ring {

bool is_prime(std::uint64_t n) {
    if (n < 2) return false;
    for (std::uint64_t d = 2; d * d <= n; ++d)
        if (n % d == 0) return false;
    return true;
}

namespace {

[[noreturn]] void too_few(std::size_t found, int count, std::uint64_t low, std::uint64_t high, int log_degree) {
    throw Error(ErrorCode::range, fmt::format("only {} of {} primes from {} to {} are 1 mod 4N for N = 2^{}; use fewer "
                                              "limbs or a smaller ring",
                                              found, count, low, high, log_degree));
}

}  // namespace

std::vector<std::uint32_t> ntt_primes(int log_degree, int count) {
    return ntt_primes_below(std::uint32_t{1} << prime_bits, log_degree, count);
}

std::vector<std::uint32_t> ntt_primes_below(std::uint32_t bound, int log_degree, int count) {
    const std::uint64_t step = std::uint64_t{4} << log_degree;
    std::vector<std::uint32_t> primes;
    for (std::uint64_t q = (bound - 2) / step * step + 1; static_cast<int>(primes.size()) < count; q -= step) {
        if (q < step) too_few(primes.size(), count, step, bound, log_degree);
        if (is_prime(q)) primes.push_back(static_cast<std::uint32_t>(q));
    }
    return primes;
}

std::vector<std::uint32_t> ntt_primes_above(std::uint32_t bound, int log_degree, int count) {
    const std::uint64_t step = std::uint64_t{4} << log_degree;
    std::vector<std::uint32_t> primes;
    for (std::uint64_t q = (bound + step - 1) / step * step + 1; static_cast<int>(primes.size()) < count; q += step) {
        if (q >> prime_bits) too_few(primes.size(), count, bound, std::uint64_t{1} << prime_bits, log_degree);
        if (is_prime(q)) primes.push_back(static_cast<std::uint32_t>(q));
    }
    return primes;
}

std::vector<std::uint32_t> ntt_primes_near(std::uint32_t size, int log_degree, int count) {
    const std::uint64_t step = std::uint64_t{4} << log_degree;
    const std::uint64_t limit = std::uint64_t{1} << prime_bits;
    std::vector<std::uint32_t> primes;
    std::uint64_t below = std::min<std::uint64_t>(size, limit - 1) / step * step + 1;
    std::uint64_t above = below + step;
    while (static_cast<int>(primes.size()) < count) {
        const bool below_left = below > step;
        const bool above_left = above < limit;
        if (!below_left && !above_left) too_few(primes.size(), count, step, limit, log_degree);
        // above / size < size / below
        const bool up = above_left && (!below_left || above * below < std::uint64_t{size} * size);
        const std::uint64_t q = up ? above : below;
        if (is_prime(q)) primes.push_back(static_cast<std::uint32_t>(q));
        (up ? above : below) = up ? above + step : below - step;
    }
    return primes;
}

}  // namespace obscura::ring
