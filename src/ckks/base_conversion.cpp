#include "ckks/base_conversion.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace obscura::ckks {

namespace {

/// Conversions work on pieces of this many words, so that the sources of a piece stay in the first-level cache.
constexpr std::size_t piece = 1024;

}  // namespace

void convert_to(const Context& context, const Conversion& conversion, std::span<const i32* const> sources,
                const i32* small, std::span<const int> targets, u32* const* out) {
    std::array<ring::ConversionTarget, 64> list;
    int count = 0;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const auto t = static_cast<std::size_t>(targets[i]);
        if (out[i] == nullptr || conversion.factor[t].empty()) continue;
        assert(count < static_cast<int>(list.size()));
        list[static_cast<std::size_t>(count++)] = {&context.modulus(targets[i]), conversion.factor[t].data(),
                                                   conversion.minus_product[t], out[i]};
    }
    if (count == 0) return;
    for (std::size_t begin = 0; begin < context.degree(); begin += piece)
        context.kernels().convert(sources.data(), static_cast<int>(sources.size()), small, list.data(), count, begin,
                                  std::min<std::size_t>(begin + piece, context.degree()));
}

}  // namespace obscura::ckks
