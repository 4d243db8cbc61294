#pragma once

#include <algorithm>
#include <vector>

#include "ring/kernels/kernels.hpp"

namespace obscura::ring {

/// The automorphism Y -> Y^(5^step), which rotates the slots by `step`: slot j of the result is slot j + step of the
/// operand. In evaluation order it permutes words: result[n] = operand[source[n]]. For steps that are multiples of N/32
/// it permutes whole chunks of N/256 words; for multiples of N/64 quarters of them, for multiples of N/128 sixteenths.
struct Automorphism {
    int step = 0;
    int part_log = 0;              ///< log2 of the words of a part
    std::vector<u32> part_source;  ///< [N >> part_log] first word of the operand's part; empty: no whole parts move
    std::vector<u32> word_source;  ///< [N]; empty if whole parts move

    /// The `count` words of the permuted `operand` from position `begin` on, which must lie in one chunk of N/256
    /// words, both multiples of 8: a pointer into `operand` where possible, else `scratch` filled.
    const u32* gather(const Kernels& kernels, const u32* operand, std::size_t begin, std::size_t count,
                      u32* scratch) const {
        if (part_source.empty()) {
            kernels.gather(operand, word_source.data() + begin, scratch, count);
            return scratch;
        }
        const std::size_t part = std::size_t{1} << part_log;
        if (begin % part + count <= part) return operand + word_of(begin);
        for (std::size_t done = 0; done < count; done += least_part)
            std::copy_n(operand + word_of(begin + done), least_part, scratch + done);
        return scratch;
    }
    /// Asks for the words that gather(begin, count) will read, which lie too scattered for the processor to foresee.
    void prefetch(const u32* operand, std::size_t begin, std::size_t count) const {
        if (part_source.empty()) return;
        for (std::size_t done = 0; done < count; done += order_line)
            __builtin_prefetch(operand + word_of(begin + done));
    }

    /// Words that move together, wherever they are a multiple of that from the start.
    std::size_t part_words() const { return part_source.empty() ? 1 : std::size_t{1} << part_log; }
    /// Where the word at `position` of the result is in the operand.
    std::size_t word_of(std::size_t position) const {
        return part_source.empty() ? word_source[position]
                                   : part_source[position >> part_log] + (position & (part_words() - 1));
    }

    /// Words of the smallest part that counts as a pattern.
    static constexpr std::size_t least_part = 8;
};

/// `step` is taken modulo N.
Automorphism make_automorphism(int log_degree, int step);

/// out = the whole permuted operand; out must not be operand.
void apply(const Automorphism& automorphism, int log_degree, const u32* operand, u32* out);

}  // namespace obscura::ring
