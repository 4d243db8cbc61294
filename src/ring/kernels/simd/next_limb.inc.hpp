#pragma once

#include "ring/kernels/simd/geometry.inc.hpp"
#include "ring/kernels/simd/unroll.inc.hpp"

namespace obscura::ring {
namespace {

/// The part of the limb that is needed next which a column's pass at the head's end fetches, a few lines at a time:
/// all at once would fill the queues of the caches, and hold up the transform.
class NextLimb {
  public:
    NextLimb() = default;
    NextLimb(const u32* limb, const Geometry& g, int column)
        : at_(limb == nullptr ? nullptr : limb + column * g.rows * line_words) {}

    template <int Lines>
    [[gnu::always_inline]] void fetch() {
        if (at_ == nullptr) return;
        unroll<0, Lines>([&](auto i) { __builtin_prefetch(at_ + i.value * line_words, 0, second_level); });
        at_ += Lines * line_words;
    }

  private:
    static constexpr int line_words = 16;  // a column has as many rows as it has lines to fetch
    static constexpr int second_level = 2;
    const u32* at_ = nullptr;
};

}  // namespace
}  // namespace obscura::ring
