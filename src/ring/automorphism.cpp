#include "ring/automorphism.hpp"

#include <algorithm>

namespace obscura::ring {

Automorphism make_automorphism(int log_degree, int step) {
    const u32 n = 1u << log_degree;
    Automorphism a;
    a.step = static_cast<int>(((step % static_cast<i64>(n)) + n) % n);
    u64 g = 1;
    for (int i = 0; i < a.step; ++i) g = g * 5 % (4ull * n);
    const auto exponent = leaf_exponents(log_degree);
    std::vector<u32> position_of(n);  // exponent e = 1 mod 4 is counted by e / 4
    for (u32 leaf = 0; leaf < n; ++leaf) position_of[exponent[leaf] / 4] = leaf_position(leaf, log_degree);
    std::vector<u32> source(n);
    for (u32 leaf = 0; leaf < n; ++leaf)
        source[leaf_position(leaf, log_degree)] = position_of[exponent[leaf] * g % (4ull * n) / 4];
    const u32 chunk = n / order_chunks;
    bool whole_chunks = true;
    for (u32 p = 0; p < n && whole_chunks; ++p)
        whole_chunks = source[p] == source[p / chunk * chunk] + p % chunk && source[p] % chunk == p % chunk;
    if (whole_chunks)
        for (u32 c = 0; c < order_chunks; ++c) a.chunk_source.push_back(source[c * chunk] / chunk);
    else
        a.word_source = std::move(source);
    return a;
}

void apply(const Automorphism& automorphism, int log_degree, const u32* operand, u32* out) {
    const std::size_t n = std::size_t{1} << log_degree, chunk = n / order_chunks;
    if (automorphism.chunked())
        for (std::size_t c = 0; c < order_chunks; ++c)
            std::copy_n(operand + automorphism.chunk_source[c] * chunk, chunk, out + c * chunk);
    else
        for (std::size_t i = 0; i < n; ++i) out[i] = operand[automorphism.word_source[i]];
}

}  // namespace obscura::ring
