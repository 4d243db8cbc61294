#include "ring/conversion_bounds.hpp"

#include <algorithm>
#include <bit>

#include "ring/kernels/kernels.hpp"

namespace obscura::ring {

bool fits_conversion(std::span<const u32> source_primes) {
    if (source_primes.size() > static_cast<std::size_t>(max_conversion_sources)) return false;
    u64 sum = 2 * 16 + 1;  // the quotient counts like a source of that size; sums begin with q 2^32
    for (const u32 q : source_primes) sum += q;
    return sum <= u64{1} << 33;
}

int reciprocal_shift(std::span<const u32> source_primes) {
    const u32 smallest = *std::min_element(source_primes.begin(), source_primes.end());
    return std::min(58, 29 + static_cast<int>(std::bit_width(smallest)));
}

}  // namespace obscura::ring
