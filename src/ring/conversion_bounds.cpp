#include "ring/conversion_bounds.hpp"

#include <algorithm>
#include <bit>

namespace obscura::ring {

int reciprocal_shift(std::span<const u32> source_primes) {
    const u32 smallest = *std::min_element(source_primes.begin(), source_primes.end());
    return std::min(58, 29 + static_cast<int>(std::bit_width(smallest)));
}

}  // namespace obscura::ring
