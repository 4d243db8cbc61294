#pragma once

#include "ring/kernels/kernels.hpp"
#include "ring/kernels/simd/geometry.inc.hpp"
#include "ring/kernels/simd/unroll.inc.hpp"

namespace obscura::ring {
namespace {

/// The parts of the limbs needed next which a column's pass at the head's end fetches, a few lines at a time: all at
/// once would fill the queues of the caches, and hold up the transform.
class LimbFetcher {
  public:
    LimbFetcher() = default;
    LimbFetcher(const NextLimbs& next, const Geometry& g, int column)
        : first_(part(next.first, g, column)), second_(part(next.second, g, column)) {}

    template <int Lines>
    [[gnu::always_inline]] void fetch() {
        fetch_lines<Lines>(first_);
        fetch_lines<Lines>(second_);
    }

  private:
    /// A column has as many rows as it has lines to fetch.
    static const u32* part(const u32* limb, const Geometry& g, int column) {
        return limb == nullptr ? nullptr : limb + static_cast<std::size_t>(column * g.rows) * line_words;
    }
    template <int Lines>
    [[gnu::always_inline]] static void fetch_lines(const u32*& at) {
        if (at == nullptr) return;
        unroll<0, Lines>([&](auto i) { fetch_line(at + i.value * line_words); });
        at += Lines * line_words;
    }

    const u32* first_ = nullptr;
    const u32* second_ = nullptr;
};

}  // namespace
}  // namespace obscura::ring
