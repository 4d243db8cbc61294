#include "ring/primes.hpp"

#include <string>

#include "base/error.hpp"

namespace obscura::ring {

bool is_prime(std::uint64_t n) {
    if (n < 2) return false;
    for (std::uint64_t d = 2; d * d <= n; ++d)
        if (n % d == 0) return false;
    return true;
}

std::vector<std::uint32_t> ntt_primes(int log_degree, int count) {
    const std::uint64_t step = std::uint64_t{4} << log_degree;
    std::vector<std::uint32_t> primes;
    for (std::uint64_t q = (std::uint64_t{1} << prime_bits) + 1 - step; static_cast<int>(primes.size()) < count;
         q -= step) {
        if (is_prime(q)) primes.push_back(static_cast<std::uint32_t>(q));
        if (q < 2 * step)
            throw Error(ErrorCode::range, "only " + std::to_string(primes.size()) + " of " + std::to_string(count) +
                                              " primes below 2^30 are 1 mod 4N for N = 2^" +
                                              std::to_string(log_degree) + "; use fewer limbs or a smaller ring");
    }
    return primes;
}

}  // namespace obscura::ring
