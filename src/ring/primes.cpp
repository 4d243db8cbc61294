#include "ring/primes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>

#include "base/error.hpp"

namespace obscura::ring {

namespace {

/// Whether odd n = d 2^s + 1 passes the strong test to `base`, which every prime passes.
bool passes_strong_test(std::uint64_t n, std::uint64_t base) {
    const int s = std::countr_zero(n - 1);
    std::uint64_t x = 1, power = base % n;
    if (power == 0) return true;  // n divides the base, which is prime
    for (std::uint64_t d = (n - 1) >> s; d != 0; d /= 2, power = power * power % n)
        if (d % 2 != 0) x = x * power % n;
    if (x == 1 || x == n - 1) return true;
    for (int i = 1; i < s; ++i) {
        x = x * x % n;
        if (x == n - 1) return true;
    }
    return false;
}

[[noreturn]] void too_few(std::size_t found, int count, std::uint64_t low, std::uint64_t high, int log_degree) {
    throw Error(ErrorCode::range, fmt::format("only {} of {} primes from {} to {} are 1 mod 4N for N = 2^{}; use fewer "
                                              "limbs or a smaller ring",
                                              found, count, low, high, log_degree));
}

}  // namespace

bool is_prime(std::uint64_t n) {
    assert(n >> 32 == 0);  // or products would overflow
    if (n < 2 || n % 2 == 0) return n == 2;
    return passes_strong_test(n, 2) && passes_strong_test(n, 7) && passes_strong_test(n, 61);
}

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
