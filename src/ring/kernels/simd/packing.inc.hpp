#pragma once

#include "ring/kernels/simd/pointwise.inc.hpp"

/// Packing rows for the matrix product, as [vector of columns][pair][low halves, high halves], so that the product
/// reads a column of rows as one run; and switching keys of rows on their way there, or to masked sums.
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

/// Calls write(n, c0, c1) with the switched words from n on of `Rows` rows. If Digits is not 0 it is the count of
/// digits: known, the keys of a vector stay in registers.
template <int Rows, int Digits, class Write>
[[gnu::always_inline]] inline void switch_rows(const Reducer& reduce, const SwitchedRow* rows, const u32* const* key0,
                                               const u32* const* key1, int digit_count, std::size_t count,
                                               Write&& write) {
    for (std::size_t n = 0; n < count; n += lanes) {
        Wide sum0[Rows], sum1[Rows];
        for (int i = 0; i < Rows; ++i) sum0[i] = sum1[i] = Wide{zero(), zero()};
        const auto add_digit = [&](int j) {
            const Vec k0 = load(key0[j] + n), k1 = load(key1[j] + n), odd0 = odd(k0), odd1 = odd(k1);
            unroll<0, Rows>([&](auto row) {
                constexpr int i = decltype(row)::value;
                const Vec d = load(rows[i].digits[static_cast<std::size_t>(j)] + n), odd_d = odd(d);
                sum0[i] = add(sum0[i], Wide{mul_even(d, k0), mul_even(odd_d, odd0)});
                sum1[i] = add(sum1[i], Wide{mul_even(d, k1), mul_even(odd_d, odd1)});
            });
        };
        if constexpr (Digits > 0)
            unroll<0, Digits>([&](auto j) { add_digit(decltype(j)::value); });
        else
            for (int j = 0; j < digit_count; ++j) add_digit(j);
        const auto reduced = [&](Wide sum) {
            if constexpr (Digits > 0 && Digits <= Reducer::few_products) return reduce.full(sum);
            return reduce.full_from_63_bits(sum);
        };
        Vec c0[Rows], c1[Rows];
        unroll<0, Rows>([&](auto row) {
            constexpr int i = decltype(row)::value;
            c0[i] = reduced(sum0[i]);
            if (rows[i].c0 != nullptr) c0[i] = reduce_once(add(c0[i], load(rows[i].c0 + n)), reduce.q);
            c1[i] = reduced(sum1[i]);
        });
        write(n, c0, c1);
    }
}

/// The same, the count of digits turned into a template argument where it is a usual one.
template <int Rows, class Write>
[[gnu::always_inline]] inline void switch_usual_rows(const Reducer& reduce, const SwitchedRow* rows,
                                                     const u32* const* key0, const u32* const* key1, int digit_count,
                                                     std::size_t count, Write&& write) {
    switch (digit_count) {
        case 1:
            return switch_rows<Rows, 1>(reduce, rows, key0, key1, 1, count, write);
        case 2:
            return switch_rows<Rows, 2>(reduce, rows, key0, key1, 2, count, write);
        case 3:
            return switch_rows<Rows, 3>(reduce, rows, key0, key1, 3, count, write);
        case 4:
            return switch_rows<Rows, 4>(reduce, rows, key0, key1, 4, count, write);
        default:
            return switch_rows<Rows, 0>(reduce, rows, key0, key1, digit_count, count, write);
    }
}

inline void switch_pair(const Modulus& m, std::span<const SwitchedRow> rows, const u32* const* key0,
                        const u32* const* key1, int digit_count, PanelPair out0, PanelPair out1, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().switch_pair(m, rows, key0, key1, digit_count, out0, out1, count);
    const Reducer reduce(m);
    PairWriter writer0(out0), writer1(out1);
    if (rows.size() == 2)
        switch_usual_rows<2>(reduce, rows.data(), key0, key1, digit_count, count,
                             [&](std::size_t, const Vec* c0, const Vec* c1) {
                                 writer0.write(c0[0], c0[1]);
                                 writer1.write(c1[0], c1[1]);
                             });
    else
        switch_rows<1, 0>(reduce, rows.data(), key0, key1, digit_count, count,
                          [&](std::size_t, const Vec* c0, const Vec* c1) {
                              writer0.write(c0[0], zero());
                              writer1.write(c1[0], zero());
                          });
}

inline void switch_masked(const Modulus& m, const SwitchedRow& row, const u32* const* key0, const u32* const* key1,
                          int digit_count, const u32* mask, bool add_sums, u32* sum0, u32* sum1, std::size_t count) {
    if (!whole_vectors(count))
        return scalar_kernels().switch_masked(m, row, key0, key1, digit_count, mask, add_sums, sum0, sum1, count);
    const Reducer reduce(m);
    switch_usual_rows<1>(reduce, &row, key0, key1, digit_count, count,
                         [&](std::size_t n, const Vec* c0, const Vec* c1) {
                             const Vec factor = load(mask + n);
                             Vec x = reduce.full(multiply_wide(c0[0], factor));
                             Vec y = reduce.full(multiply_wide(c1[0], factor));
                             if (add_sums) {
                                 x = reduce_once(add(x, load(sum0 + n)), reduce.q);
                                 y = reduce_once(add(y, load(sum1 + n)), reduce.q);
                             }
                             store(sum0 + n, x);
                             store(sum1 + n, y);
                         });
}

}  // namespace
}  // namespace obscura::ring
