#pragma once

#include <vector>

#include "ring/kernels/kernels.hpp"

namespace obscura::ring {

/// The automorphism Y -> Y^(5^step), which rotates the slots by `step`: slot j of the result is slot j + step of the
/// operand. In evaluation order it permutes words: result[n] = operand[source[n]]. For steps that are multiples of N/32
/// it permutes whole chunks of N/256 words.
struct Automorphism {
    int step = 0;
    std::vector<u32> chunk_source;  ///< [order_chunks]; empty if the step does not move whole chunks
    std::vector<u32> word_source;   ///< [N]; empty if chunk_source is there

    bool chunked() const { return !chunk_source.empty(); }
    /// The `count` words of the permuted `operand` from position `begin` on, which must lie in one chunk of N/256
    /// words: a pointer into `operand` where possible, else `scratch` filled.
    const u32* gather(const Kernels& kernels, const u32* operand, std::size_t begin, std::size_t count,
                      std::size_t chunk, u32* scratch) const {
        if (chunked()) return operand + chunk_source[begin / chunk] * chunk + begin % chunk;
        kernels.gather(operand, word_source.data() + begin, scratch, count);
        return scratch;
    }
};

/// `step` is taken modulo N.
Automorphism make_automorphism(int log_degree, int step);

/// out = the whole permuted operand; out must not be operand.
void apply(const Automorphism& automorphism, int log_degree, const u32* operand, u32* out);

}  // namespace obscura::ring
