#pragma once

#include <algorithm>
#include <cstddef>

#include "ring/modular.hpp"

namespace obscura::ring {

/// The automorphism Y -> Y^(5^step), which rotates the slots by `step`: slot j of the result is slot j + step of the
/// operand. In evaluation order it is a cyclic shift: word j of the result is word (j + step) mod N of the operand.
struct Automorphism {
    std::size_t degree = 0;
    std::size_t step = 0;  ///< below N

    /// Where the word at `position` of the result is in the operand.
    std::size_t word_of(std::size_t position) const { return (position + step) & (degree - 1); }
    /// Words that move together, wherever they are a multiple of that from the start: the power of two in the step.
    std::size_t part_words() const { return (step | degree) & (~(step | degree) + 1); }

    /// The `count` words of the permuted `operand` from position `begin` on: a pointer into `operand` where they are
    /// neighbours there, else `scratch` filled. The pointer is aligned to part_words().
    const u32* gather(const u32* operand, std::size_t begin, std::size_t count, u32* scratch) const {
        const std::size_t from = word_of(begin);
        if (from + count <= degree) return operand + from;
        const std::size_t before = degree - from;
        std::copy_n(operand, count - before, std::copy_n(operand + from, before, scratch));
        return scratch;
    }
};

/// `step` is taken modulo N.
Automorphism make_automorphism(int log_degree, int step);

/// out = the whole permuted operand; out must not be operand.
void apply(const Automorphism& automorphism, const u32* operand, u32* out);

}  // namespace obscura::ring
