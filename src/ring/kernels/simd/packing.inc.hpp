#pragma once

#include <iterator>

#include "ring/kernels/simd/pointwise.inc.hpp"

/// Packing rows for the matrix product: [vector of columns][pair][low halves, high halves], so that the product reads
/// a column of rows as one run.
namespace obscura::ring {
namespace {

/// Writes the vectors of one pair.
class PairWriter {
  public:
    explicit PairWriter(const PanelPair& pair)
        : at_(pair.data + static_cast<std::size_t>(pair.index) * 2 * lanes),
          step_(static_cast<std::size_t>(pair.pairs) * 2 * lanes),
          round_(broadcast(0x8000)) {}
    void write(Vec x, Vec y) {
        store(at_, merge_halves(x, shift_left<16>(y)));
        store(at_ + lanes, merge_halves(shift_right<16>(add(x, round_)), add(y, round_)));
        at_ += step_;
    }

  private:
    u32* at_;
    std::size_t step_;
    Vec round_;
};

inline void pack_pair(const u32* a, const u32* b, PanelPair out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().pack_pair(a, b, out, count);
    PairWriter writer(out);
    for (std::size_t n = 0; n < count; n += lanes) writer.write(load(a + n), b ? load(b + n) : zero());
}

/// switch_pair for `Rows` rows and, if not 0, `Digits` digits: both known, the keys of a vector stay in registers.
template <int Rows, int Digits>
void switch_rows(const Modulus& m, const SwitchedRow* rows, const u32* const* key0, const u32* const* key1,
                 int digit_count, PanelPair out0, PanelPair out1, std::size_t count) {
    const Reducer reduce(m);
    PairWriter writer0(out0), writer1(out1);
    for (std::size_t n = 0; n < count; n += lanes) {
        Wide sum0[Rows], sum1[Rows];
        for (int i = 0; i < Rows; ++i) sum0[i] = sum1[i] = Wide{zero(), zero()};
        const auto add_digit = [&](int j) {
            const Vec k0 = load(key0[j] + n), k1 = load(key1[j] + n), odd0 = odd(k0), odd1 = odd(k1);
            unroll<0, Rows>([&](auto row) {
                constexpr int i = decltype(row)::value;
                const Vec d = load(rows[i].digits[static_cast<std::size_t>(j)] + n), odd_d = odd(d);
                const Wide p0{mul_even(d, k0), mul_even(odd_d, odd0)}, p1{mul_even(d, k1), mul_even(odd_d, odd1)};
                sum0[i] = add(sum0[i], p0);
                sum1[i] = add(sum1[i], p1);
            });
        };
        if constexpr (Digits > 0)
            unroll<0, Digits>([&](auto j) { add_digit(decltype(j)::value); });
        else
            for (int j = 0; j < digit_count; ++j) add_digit(j);
        Vec c0[2] = {zero(), zero()}, c1[2] = {zero(), zero()};
        unroll<0, Rows>([&](auto row) {
            constexpr int i = decltype(row)::value;
            c0[i] = reduce.full_from_63_bits(sum0[i]);
            if (rows[i].c0 != nullptr) c0[i] = reduce_once(add(c0[i], load(rows[i].c0 + n)), reduce.q);
            c1[i] = reduce.full_from_63_bits(sum1[i]);
        });
        writer0.write(c0[0], c0[1]);
        writer1.write(c1[0], c1[1]);
    }
}

inline void switch_pair(const Modulus& m, std::span<const SwitchedRow> rows, const u32* const* key0,
                        const u32* const* key1, int digit_count, PanelPair out0, PanelPair out1, std::size_t count) {
    if (!whole_vectors(count))
        return scalar_kernels().switch_pair(m, rows, key0, key1, digit_count, out0, out1, count);
    constexpr decltype(&switch_rows<1, 0>) two_rows[] = {switch_rows<2, 0>, switch_rows<2, 1>, switch_rows<2, 2>,
                                                         switch_rows<2, 3>, switch_rows<2, 4>};
    const bool unrolled = digit_count < static_cast<int>(std::size(two_rows));
    const auto function = rows.size() == 1 ? switch_rows<1, 0> : two_rows[unrolled ? digit_count : 0];
    function(m, rows.data(), key0, key1, digit_count, out0, out1, count);
}

}  // namespace
}  // namespace obscura::ring
