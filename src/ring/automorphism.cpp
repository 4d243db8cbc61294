#include "ring/automorphism.hpp"

#include <algorithm>
#include <bit>

namespace obscura::ring {
namespace {

/// The first words of the parts that make up `source`, if it moves whole parts of `part` words; else nothing.
std::vector<u32> moved_parts(const std::vector<u32>& source, u32 part) {
    std::vector<u32> parts;
    for (u32 p = 0; p < source.size(); ++p) {
        if (p % part == 0) parts.push_back(source[p]);
        if (source[p] != parts.back() + p % part) return {};
    }
    return parts;
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
    for (u32 part = n / order_chunks; part >= Automorphism::least_part; part /= 2) {
        a.part_source = moved_parts(source, part);
        a.part_log = std::countr_zero(part);
        if (!a.part_source.empty()) return a;
    }
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
