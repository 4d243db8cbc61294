#include "ring/kernels/twiddles52.hpp"

#include <bit>

#include "ring/bit_reversal.hpp"
#include "ring/kernels/tail_passes.hpp"
#include "ring/ntt_table.hpp"

namespace obscura::ring {

namespace {

constexpr int root_stages = 3, first_class_stages = 2, last_class_stages = 3;
constexpr u32 lanes = 8;

/// The factors of passes, from those of single stages.
struct PassFactors {
    const Twiddles& twiddles;
    int log_degree;
    u32 q;

    u32 stage(int depth, u32 residue) const {
        return depth < head_stages ? twiddles.head[(1u << depth) + residue]
                                   : twiddles.tail[tail_index(depth, residue, log_degree)];
    }
    u32 forward(int depth, int, u32 residue, u32 entry) const {
        const int s = std::bit_width(entry | 1) - 1;  // entries count from 1
        const u32 factor = stage(depth + s, residue + (reverse_bits(entry - (1u << s), s) << depth));
        return depth + s == 0 ? q - factor : factor;  // the fold leaves the second half negated
    }
    /// The product of the factors of those stages in which output k is a difference, negated if an odd number of these
    /// came out negated: differences of numbers that wait for a factor already.
    u32 inverse(int depth, int stages, u32 residue, u32 k) const {
        u32 factor = 1;
        for (int up = 0; up < stages; ++up) {
            if ((k >> up & 1) == 0) continue;
            factor = mul_mod(factor, stage(depth + stages - 1 - up, residue), q);
            if ((k & ((1u << up) - 1)) != 0) factor = q - factor;
        }
        return factor;
    }
    /// What number e of the second child waits for in stage `up` from below, divided by what that of the first does.
    u32 ratio(int depth, int stages, u32 residue, int up, u32 e) const {
        const u32 second = residue + (1u << (depth + stages - 1 - up));
        u32 factor = 1;
        for (int bit = 0; bit < up; ++bit) {
            if ((e >> bit & 1) == 0) continue;
            const int at = depth + stages - 1 - bit;
            factor = mul_mod(factor, mul_mod(stage(at, second), inverse_mod(stage(at, residue), q), q), q);
        }
        return factor;
    }
};
using FactorOf = u32 (PassFactors::*)(int depth, int stages, u32 residue, u32 entry) const;

/// An entry for 8 lanes: values, then quotients.
template <class ValueOf>
void append(std::vector<u64>& entries, u32 q, const ValueOf& value_of_lane) {
    u64 quotients[lanes];
    for (u32 lane = 0; lane < lanes; ++lane) {
        const Factor52 f = make_factor52(value_of_lane(lane), q);
        entries.push_back(f.value);
        quotients[lane] = f.quotient;
    }
    entries.insert(entries.end(), quotients, quotients + lanes);
}

/// `tail_passes`: the stages of the tail's passes in the order of use.
Twiddles52 make_twiddles52(const PassFactors& factors, FactorOf factor_of, const std::vector<int>& tail_passes,
                           bool deepest_first) {
    const auto factor = [&](int depth, int stages, u32 residue, u32 entry) {
        return (factors.*factor_of)(depth, stages, residue, entry);
    };
    Twiddles52 t;
    t.roots.push_back({1, 0});  // never read
    for (u32 i = 1; i < 1u << root_stages; ++i)
        t.roots.push_back(make_factor52(factor(0, root_stages, 0, i), factors.q));

    int depth = root_stages;
    for (const int stages : {first_class_stages, last_class_stages}) {
        for (u32 first = 0; first < 1u << depth; first += lanes)
            for (u32 i = 1; i < 1u << stages; ++i)
                append(t.classes, factors.q, [&](u32 lane) { return factor(depth, stages, first + lane, i); });
        depth += stages;
    }
    for (u32 column = 0; column < columns; ++column) {
        int done = 0;
        for (const int stages : tail_passes) {
            depth = deepest_first ? factors.log_degree - done - stages : head_stages + done;
            done += stages;
            for (u32 row = 0; row < 1u << (depth - head_stages); ++row)
                for (u32 i = 1; i < 1u << stages; ++i)
                    for (u32 slot = 0; slot < column_slots; ++slot) {
                        const u32 residue = row * head_slots + column * column_slots + slot;
                        t.tail.push_back(make_factor52(factor(depth, stages, residue, i), factors.q).quotient);
                    }
        }
    }
    return t;
}

}  // namespace

Factor52 make_factor52(u32 value, u32 q) {
    const u64 high = (u64{value} << 32) / q, rest = (u64{value} << 32) % q;  // 82 bits would be too much at once
    return {value, (high << 20) + (rest << 20) / q};
}

Twiddles52 make_forward_twiddles52(const Twiddles& twiddles, int log_degree, u32 q) {
    std::vector<int> passes;
    for (int left = log_degree - head_stages; left > 0; left -= passes.back()) passes.push_back(first_stages(left));
    return make_twiddles52({twiddles, log_degree, q}, &PassFactors::forward, passes, false);
}

Twiddles52 make_inverse_twiddles52(const Twiddles& twiddles, int log_degree, u32 q) {
    std::vector<int> passes;
    for (int left = log_degree - head_stages; left > 0; left -= passes.back()) passes.push_back(last_stages(left));
    const PassFactors factors{twiddles, log_degree, q};
    Twiddles52 t = make_twiddles52(factors, &PassFactors::inverse, passes, true);
    for (u32 i = 0; i < 3; ++i) {  // never read: number 0 waits for nothing
        t.root_ratios.push_back(make_factor52(1, q));
        append(t.ratios, q, [](u32) { return 1u; });
    }
    for (u32 i = 3; i < 1u << root_stages; ++i) {
        const int up = std::bit_width(i) - 1;
        const u32 e = i - (1u << up);
        t.root_ratios.push_back(make_factor52(factors.ratio(0, root_stages, 0, up, e), q));
        append(t.ratios, q, [&](u32 lane) { return factors.ratio(root_stages, 3, lane, up, e); });
    }
    for (u32 k = 0; k < lanes / 2; ++k) {
        const u32 low = static_cast<u32>(t.roots[k].value), high = static_cast<u32>(t.roots[lanes - 1 - k].value);
        t.unfold_ratios.push_back(make_factor52(mul_mod(high, inverse_mod(low, q), q), q));
    }
    return t;
}

}  // namespace obscura::ring
