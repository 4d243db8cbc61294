#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "ring/kernels/kernels.hpp"

namespace obscura::ring {

/// The automorphism Y -> Y^(5^step), which rotates the slots by `step`: slot j of the result is slot j + step of the
/// operand. In evaluation order it permutes words: result[n] = operand[source[n]]. For steps that are multiples of N/32
/// it permutes whole chunks of N/256 words; for multiples of N/64 quarters of them, for multiples of N/128 sixteenths.
struct Automorphism {
    static constexpr u32 most_strands = 8;
    int step = 0;
    std::size_t strands = 0;       ///< 1, 2, 4 or 8: how many stretches the words of a part come from; 0: no such pattern
    int part_log = 0;              ///< log2 of the words of a part
    std::vector<u32> part_source;  ///< [N >> part_log][strands] first word of the part that a strand comes from
    std::vector<u32> lane_source;  ///< [N >> part_log][strands] place in its group of `strands` words, see interleave
    std::vector<u32> word_source;  ///< [N]; empty if there is a pattern
    /// The `count` words of the permuted `operand` from position `begin` on, which must lie in one chunk of N/256
    /// words: a pointer into `operand` where possible, else `scratch` filled.
    const u32* gather(const Kernels& kernels, const u32* operand, std::size_t begin, std::size_t count,
                      u32* scratch) const {
        if (strands == 1) {
            const std::size_t part = std::size_t{1} << part_log;
            if (begin % part + count <= part) return operand + word_of(begin);
            constexpr std::size_t some = 8;  // no part and no piece is shorter
            for (std::size_t done = 0; done < count; done += some)
                std::copy_n(operand + word_of(begin + done), some, scratch + done);
            return scratch;
        }
        if (strands == 0) {
            kernels.gather(operand, word_source.data() + begin, scratch, count);
            return scratch;
        }
        const std::size_t part = std::size_t{1} << part_log;
        for (std::size_t done = 0; done < count;) {
            const std::size_t from = begin + done, at = (from >> part_log) * strands,
                              some = std::min(count - done, part - from % part);
            std::array<const u32*, most_strands> rows;
            for (std::size_t i = 0; i < strands; ++i) rows[i] = operand + part_source[at + i] + from % part;
            kernels.interleave(rows.data(), lane_source.data() + at, strands, scratch + done, some);
            done += some;
        }
        return scratch;
    }
    /// Asks for the words that gather(begin, count) will read, which lie too scattered for the processor to foresee.
    void prefetch(const u32* operand, std::size_t begin, std::size_t count) const {
        if (strands != 1) return;
        for (std::size_t done = 0; done < count; done += order_line)
            __builtin_prefetch(operand + word_of(begin + done));
    }

  private:
    std::size_t word_of(std::size_t position) const {
        return part_source[position >> part_log] + (position & ((std::size_t{1} << part_log) - 1));
    }
};

/// `step` is taken modulo N.
Automorphism make_automorphism(int log_degree, int step);

/// out = the whole permuted operand; out must not be operand.
void apply(const Automorphism& automorphism, int log_degree, const u32* operand, u32* out);

}  // namespace obscura::ring
