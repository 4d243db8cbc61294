#include "ring/automorphism.hpp"

#include <algorithm>
#include <bit>

namespace obscura::ring {
namespace {

/// Shorter parts are not worth interleaving.
constexpr u32 least_interleaved = 8;

/// Fills the pattern of `a` if the words of every `part` come from `strands` stretches of as many words in turn.
bool follow_pattern(const std::vector<u32>& source, u32 part, u32 strands, Automorphism& a) {
    std::vector<u32> parts, lanes;
    for (u32 begin = 0; begin < source.size(); begin += part)
        for (u32 i = 0; i < strands; ++i) {
            parts.push_back(source[begin + i] / part * part);
            lanes.push_back(source[begin + i] % part);
            if (lanes.back() >= strands) return false;
        }
    for (u32 p = 0; p < source.size(); ++p) {
        const u32 at = p / part * strands + p % strands;
        if (source[p] != parts[at] + p % part - p % strands + lanes[at]) return false;
    }
    a.strands = strands;
    a.part_log = std::countr_zero(part);
    a.part_source = std::move(parts);
    a.lane_source = std::move(lanes);
    return true;
}

}  // namespace

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
    for (u32 part = n / order_chunks; part >= 8; part /= 2)
        if (follow_pattern(source, part, 1, a)) return a;
    for (u32 strands = 2; strands <= Automorphism::most_strands; strands *= 2)
        for (u32 part = n / order_chunks; part >= least_interleaved; part /= 2)
            if (follow_pattern(source, part, strands, a)) return a;
    a.word_source = std::move(source);
    return a;
}

void apply(const Automorphism& automorphism, int log_degree, const u32* operand, u32* out) {
    const std::size_t n = std::size_t{1} << log_degree, chunk = n / order_chunks;
    for (std::size_t begin = 0; begin < n; begin += chunk) {
        const u32* from = automorphism.gather(default_kernels(), operand, begin, chunk, out + begin);
        if (from != out + begin) std::copy_n(from, chunk, out + begin);
    }
}

}  // namespace obscura::ring
