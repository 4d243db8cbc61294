#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/streaming.hpp"
#include "ring_test_support.hpp"

/// Every variant returns the same words as the scalar one.
namespace obscura::ring {
namespace {

class KernelVariants : public ::testing::TestWithParam<const Kernels*> {
  protected:
    const Kernels& scalar = scalar_kernels();
    const Kernels& variant = *GetParam();
    Random random{2026};
    u32 q = ntt_primes(15, 3)[2];
    Modulus m = make_modulus(q);

    /// Counts that are whole vectors, odd ones, and the chunks of real rings.
    static constexpr std::size_t counts[] = {4, 8, 12, 16, 20, 32, 36, 48, 128, 256, 1000, 2048};

    Words<u32> residues(std::size_t count) { return boundary_words(random, count, q, q); }
};

TEST_P(KernelVariants, Transforms) {
    for (int log_degree = 9; log_degree <= 17; ++log_degree) {
        const std::size_t n = std::size_t{1} << log_degree;
        for (const u32 prime : ntt_primes(log_degree, 2)) {
            const NttTable t = make_ntt_table(log_degree, prime);
            const InverseScale s = make_inverse_scale(t, 123456789);
            Words<u32> expected(n), got(n);
            Words<i32> expected_centred(n), got_centred(n);
            auto in = boundary_words(random, n, prime, 4ull * prime);
            scalar.ntt_forward(t, in, expected);
            variant.ntt_forward(t, in, got);
            ASSERT_EQ(expected.vector(), got.vector()) << "forward, 2^" << log_degree;
            variant.ntt_forward(t, in, in, {expected, got});  // fetching other limbs on the way
            ASSERT_EQ(expected.vector(), in.vector()) << "forward in place, 2^" << log_degree;
            in = boundary_words(random, n, prime, 2ull * prime);
            scalar.ntt_inverse(t, s, in, expected);
            variant.ntt_inverse(t, s, in, got);
            ASSERT_EQ(expected.vector(), got.vector()) << "inverse, 2^" << log_degree;
            scalar.ntt_inverse_centred(t, s, in, expected_centred);
            variant.ntt_inverse_centred(t, s, in, got_centred, {expected, nullptr});
            ASSERT_EQ(expected_centred.vector(), got_centred.vector()) << "inverse centred, 2^" << log_degree;
            variant.ntt_inverse(t, s, in, in, {nullptr, expected});
            ASSERT_EQ(expected.vector(), in.vector()) << "inverse in place, 2^" << log_degree;
        }
    }
}

/// The largest sums, in the smallest and the largest ring of all transforms, for large and small primes.
TEST_P(KernelVariants, TransformsOfExtremes) {
    for (const int log_degree : {12, 13, 17})
        for (const u32 prime : {ntt_primes(log_degree, 1)[0], ntt_primes_below(1u << 24, log_degree, 1)[0]}) {
            const std::size_t n = std::size_t{1} << log_degree;
            const NttTable t = make_ntt_table(log_degree, prime);
            const InverseScale s = make_inverse_scale(t, 1);
            Words<u32> expected(n), got(n), in(n);
            for (const u64 value : {u64{0}, u64{1}, u64{prime} - 1, u64{2} * prime - 1, u64{4} * prime - 1}) {
                std::fill(in.data(), in.data() + n, static_cast<u32>(value));
                scalar.ntt_forward(t, in, expected);
                variant.ntt_forward(t, in, got);
                ASSERT_EQ(expected.vector(), got.vector()) << "forward of " << value << ", 2^" << log_degree;
                if (value >= 2ull * prime) continue;
                scalar.ntt_inverse(t, s, in, expected);
                variant.ntt_inverse(t, s, in, got);
                ASSERT_EQ(expected.vector(), got.vector()) << "inverse of " << value << ", 2^" << log_degree;
            }
        }
}

TEST_P(KernelVariants, Scale) {
    for (const auto count : counts)
        for (const u32 factor : {0u, 1u, q / 2, q - 1, static_cast<u32>(random() % q)}) {
            const Factor f = make_factor(factor, q);
            Words<u32> expected(count), got(count);
            auto words = boundary_words(random, count, q, u64{1} << 32);
            scalar.scale(m, f, words, expected, count);
            variant.scale(m, f, words, got, count);
            ASSERT_EQ(expected.vector(), got.vector());
            Words<i32> a(count);
            for (std::size_t i = 0; i < count; ++i)
                a[i] = static_cast<i32>(boundary_words(random, 1, q, q)[0]) * (random() % 2 == 0 ? 1 : -1);
            scalar.scale_signed(m, f, a, expected, count);
            variant.scale_signed(m, f, a, got, count);
            ASSERT_EQ(expected.vector(), got.vector());
            const auto sums = boundary_words(random, count, q, 3 * u64{q} + 1);
            std::copy_n(sums.data(), count, expected.data());
            std::copy_n(sums.data(), count, got.data());
            scalar.add_scaled(m, f, a, expected, count);
            variant.add_scaled(m, f, a, got, count);
            ASSERT_EQ(expected.vector(), got.vector());
        }
}

TEST_P(KernelVariants, AddMultiply) {
    for (const auto count : counts) {
        auto a = residues(count), b = residues(count);
        Words<u32> expected(count), got(count);
        scalar.add(q, a, b, expected, count);
        variant.add(q, a, b, got, count);
        ASSERT_EQ(expected.vector(), got.vector());
        scalar.multiply(m, a, b, expected, count);
        variant.multiply(m, a, b, got, count);
        ASSERT_EQ(expected.vector(), got.vector());
    }
}

TEST_P(KernelVariants, Convert) {
    const std::size_t n = 2048;
    const auto primes = ntt_primes(15, 11);
    std::vector<Modulus> moduli;
    for (const u32 p : primes) moduli.push_back(make_modulus(p));
    for (int sources = 1; sources <= max_conversion_sources; ++sources) {
        std::vector<Words<i32>> y;
        std::vector<const i32*> rows;
        for (const u32 p : ntt_primes(15, sources)) y.push_back(boundary_centred(random, n, p));
        for (const auto& row : y) rows.push_back(row.data());
        Words<i32> small(n);
        for (std::size_t i = 0; i < n; ++i) small[i] = static_cast<i32>(random() % 33) - 16;
        for (int targets = 1; targets <= static_cast<int>(primes.size()); ++targets) {
            const bool with_small = targets % 2 == 0;
            const std::size_t begin = targets % 3 == 0 ? 16 : 0, end = targets % 4 == 0 ? 1420 : 1408;
            std::vector<Words<i32>> factors;
            std::vector<Words<u32>> expected, got;
            std::vector<ConversionTarget> to_expected, to_got;
            for (int t = 0; t < targets; ++t) {
                factors.push_back(boundary_centred(random, max_conversion_sources, primes[t]));
                expected.emplace_back(n);
                got.emplace_back(n);
                const i32 small_factor = centred(static_cast<u32>(random() % primes[t]), primes[t]);
                to_expected.push_back({&moduli[t], factors[t].data(), small_factor, expected[t].data()});
                to_got.push_back({&moduli[t], factors[t].data(), small_factor, got[t].data()});
            }
            const i32* s = with_small ? small.data() : nullptr;
            scalar.convert(rows.data(), sources, s, to_expected.data(), targets, begin, end);
            variant.convert(rows.data(), sources, s, to_got.data(), targets, begin, end);
            for (int t = 0; t < targets; ++t) ASSERT_EQ(expected[t].vector(), got[t].vector()) << sources << " " << t;
        }
    }
}

TEST_P(KernelVariants, Quotient) {
    for (const auto count : counts)
        for (int sources = 1; sources <= max_conversion_sources; ++sources) {
            std::vector<Words<i32>> y;
            std::vector<const i32*> rows;
            std::vector<i32> reciprocals;
            const auto primes = ntt_primes(15, sources);
            const int shift = reciprocal_shift(primes);
            for (const u32 p : primes) {
                y.push_back(boundary_centred(random, count, p));
                reciprocals.push_back(static_cast<i32>(((u64{1} << shift) + p / 2) / p));
            }
            for (const auto& row : y) rows.push_back(row.data());
            Words<i32> expected(count), got(count);
            scalar.quotient(rows.data(), reciprocals.data(), sources, shift, expected, count);
            variant.quotient(rows.data(), reciprocals.data(), sources, shift, got, count);
            ASSERT_EQ(expected.vector(), got.vector());
        }
}

TEST_P(KernelVariants, InnerProduct) {
    for (const auto count : counts)
        for (int digits = 1; digits <= max_inner_digits; ++digits) {
            std::vector<Words<u32>> words;
            std::vector<const u32*> d, key0, key1;
            for (int j = 0; j < 3 * digits; ++j) words.push_back(residues(count));
            if (digits >= 3)  // the largest possible sums
                for (auto& row : words) std::fill(row.data(), row.data() + count, q - 1);
            for (int j = 0; j < digits; ++j) {
                d.push_back(words[3 * j].data());
                key0.push_back(words[3 * j + 1].data());
                key1.push_back(words[3 * j + 2].data());
            }
            auto add0 = residues(count), z1 = residues(count);
            for (const u32* a0 : {static_cast<const u32*>(nullptr), static_cast<const u32*>(add0.data())}) {
                const u32 constant = digits % 2 == 0 ? static_cast<u32>(random() % q) : q - 1;
                Words<u32> expected0(count), got0(count), expected1(count), got1(count);
                scalar.inner_product(m, d.data(), key0.data(), key1.data(), digits, a0, constant, expected0, expected1,
                                     count);
                variant.inner_product(m, d.data(), key0.data(), key1.data(), digits, a0, constant, got0, got1, count);
                ASSERT_EQ(expected0.vector(), got0.vector());
                ASSERT_EQ(expected1.vector(), got1.vector());
            }
            // by definition: squares next to the products without an addend
            Words<u32> products0(count), products1(count), got0(count), got1(count);
            scalar.inner_product(m, d.data(), key0.data(), key1.data(), digits, nullptr, 0, products0, products1,
                                 count);
            auto z0 = residues(count);
            if (digits >= 3) std::fill(z0.data(), z0.data() + count, q - 1);
            Words<u32> in_place(count);
            std::copy_n(z0.data(), count, in_place.data());
            scalar.square_inner_product(m, d.data(), key0.data(), key1.data(), digits, z0, z1, got0, got1, count);
            for (std::size_t n = 0; n < count; ++n) {
                ASSERT_EQ(got0[n], (u64{z0[n]} * z0[n] + products0[n]) % q);
                ASSERT_EQ(got1[n], (u64{z0[n]} * z1[n] % q * 2 + products1[n]) % q);
            }
            variant.square_inner_product(m, d.data(), key0.data(), key1.data(), digits, in_place, z1, in_place, z1,
                                         count);
            ASSERT_EQ(got0.vector(), in_place.vector());
            ASSERT_EQ(got1.vector(), z1.vector());
        }
}

TEST_P(KernelVariants, SubtractScale) {
    for (const auto count : counts)
        for (const u32 bias : {0u, 1u, q - 1, static_cast<u32>(random() % q)}) {
            const Factor f = make_factor(static_cast<u32>(random() % q), q);
            auto x = residues(count), v = boundary_words(random, count, q, u64{3} * q);
            Words<u32> expected(count);
            Words<i32> expected_centred(count), got_centred(count);
            scalar.subtract_scale_centred(m, f, x, v, expected_centred, count);
            variant.subtract_scale_centred(m, f, x, v, got_centred, count);
            ASSERT_EQ(expected_centred.vector(), got_centred.vector());
            scalar.subtract_scale(m, f, bias, x, v, expected, count);
            variant.subtract_scale(m, f, bias, x, v, x, count);  // in place
            ASSERT_EQ(expected.vector(), x.vector());
        }
}

/// The rows of a packed panel, which only a matrix product of the same variant can read.
std::vector<std::vector<u32>> unpacked(const Kernels& k, const Modulus& m, const Words<u32>& panel, int pairs,
                                       std::size_t count) {
    const int rows = 2 * pairs, blocks = (rows + product_block - 1) / product_block;
    Words<u32> identity(static_cast<std::size_t>(blocks * pairs * product_block));
    for (int o = 0; o < rows; ++o)
        identity[static_cast<std::size_t>((o / product_block * pairs + o / 2) * product_block + o % product_block)] =
            o % 2 == 0 ? 1 : 1 << 16;
    std::vector<Words<u32>> out;
    std::vector<u32*> to;
    for (int o = 0; o < rows; ++o) out.emplace_back(count);
    for (auto& row : out) to.push_back(row.data());
    const Panel packed{panel.data(), pairs};
    k.matrix_product(m, &packed, 1, identity, rows, to.data(), false, count);
    std::vector<std::vector<u32>> result;
    for (const auto& row : out) result.push_back(row.vector());
    return result;
}

TEST_P(KernelVariants, PackPair) {
    constexpr int pairs = 3;
    for (const auto count : counts)
        for (const Kernels* k : {&scalar, &variant}) {
            Words<u32> panel(2 * count * pairs);
            std::vector<std::vector<u32>> expected;
            for (int pair = 0; pair < pairs; ++pair) {
                const auto a = residues(count), b = residues(count);
                const bool second = pair != 1;
                k->pack_pair(a.data(), second ? b.data() : nullptr, {panel, pairs, pair}, count);
                expected.push_back(a.vector());
                expected.push_back(second ? b.vector() : std::vector<u32>(count));
            }
            ASSERT_EQ(expected, unpacked(*k, m, panel, pairs, count)) << k->name << ", " << count << " words";
        }
}

TEST_P(KernelVariants, SwitchPair) {
    constexpr int pairs = 2;
    for (const auto count : counts)
        for (int digits = 1; digits <= max_inner_digits; ++digits)
            for (const std::size_t row_count : {1, 2}) {
                std::vector<Words<u32>> words;
                for (int j = 0; j < 4 * digits + 1; ++j) words.push_back(residues(count));
                if (digits >= 3)  // the largest possible sums
                    for (auto& row : words) std::fill(row.data(), row.data() + count, q - 1);
                std::array<SwitchedRow, 2> rows;
                std::vector<const u32*> key0, key1;
                for (int j = 0; j < digits; ++j) {
                    for (std::size_t i = 0; i < 2; ++i) rows[i].digits[j] = words[2 * j + i].data();
                    key0.push_back(words[2 * digits + j].data());
                    key1.push_back(words[3 * digits + j].data());
                }
                rows[0].c0 = words.back().data();
                std::vector<std::vector<u32>> results[2];
                for (const Kernels* k : {&scalar, &variant}) {
                    Words<u32> out0(2 * count * pairs), out1(2 * count * pairs);
                    k->switch_pair(m, std::span(rows).first(row_count), key0.data(), key1.data(), digits,
                                   {out0, pairs, 1}, {out1, pairs, 1}, count);
                    auto& result = results[k == &variant];
                    result = unpacked(*k, m, out0, pairs, count);
                    for (auto& row : unpacked(*k, m, out1, pairs, count)) result.push_back(std::move(row));
                }
                ASSERT_EQ(results[0], results[1]) << digits << " digits, " << count << " words";
                for (std::size_t n = 0; n < count; ++n) {  // and the definition, for one row
                    u64 sum = words.back()[n];
                    for (int j = 0; j < digits; ++j)
                        sum += montgomery_reduce(static_cast<u64>(rows[0].digits[j][n]) * key0[j][n], m) % q;
                    ASSERT_EQ(results[0][2][n], sum % q);
                }
            }
}

TEST_P(KernelVariants, SwitchMasked) {
    for (const auto count : counts)
        for (int digits = 1; digits <= max_inner_digits; ++digits)
            for (const bool largest : {false, true}) {
                std::vector<Words<u32>> words;
                for (int j = 0; j < 3 * digits + 4; ++j) words.push_back(residues(count));
                if (largest)
                    for (auto& row : words) std::fill(row.data(), row.data() + count, q - 1);
                SwitchedRow row;
                std::vector<const u32*> key0, key1;
                for (int j = 0; j < digits; ++j) {
                    row.digits[j] = words[3 * j].data();
                    key0.push_back(words[3 * j + 1].data());
                    key1.push_back(words[3 * j + 2].data());
                }
                const Words<u32>*more = &words[3 * digits], &mask = more[0];
                for (const bool has_c0 : {true, false})
                    for (const bool add : {false, true}) {
                        row.c0 = has_c0 ? more[1].data() : nullptr;
                        std::vector<u32> sums[2][2];
                        for (const Kernels* k : {&scalar, &variant}) {
                            Words<u32> sum0(count), sum1(count);
                            std::copy_n(more[2].data(), count, sum0.data());
                            std::copy_n(more[3].data(), count, sum1.data());
                            k->switch_masked(m, row, key0.data(), key1.data(), digits, mask.data(), add, sum0, sum1,
                                             count);
                            sums[k == &variant][0] = sum0.vector();
                            sums[k == &variant][1] = sum1.vector();
                        }
                        ASSERT_EQ(sums[0][0], sums[1][0]) << digits << " digits, " << count << " words";
                        ASSERT_EQ(sums[0][1], sums[1][1]) << digits << " digits, " << count << " words";
                        for (std::size_t n = 0; n < count; ++n) {  // and the definition
                            u64 c1 = 0;
                            for (int j = 0; j < digits; ++j)
                                c1 += montgomery_reduce(static_cast<u64>(row.digits[j][n]) * key1[j][n], m) % q;
                            const u64 product = montgomery_reduce(c1 % q * mask[n], m) % q;
                            ASSERT_EQ(sums[0][1][n], (product + (add ? more[3][n] : 0)) % q);
                        }
                    }
            }
}

TEST_P(KernelVariants, MatrixProduct) {
    struct Shape {
        std::vector<int> pairs;
        int outputs;
        bool extreme;
    };
    const Shape shapes[] = {
        {{1}, 1, true}, {{1}, 4, true}, {{72}, 16, false}, {{9, 5, 30}, 7, false}, {{20, 1}, 10, true}};
    for (const auto count : {std::size_t{4}, std::size_t{8}, std::size_t{16}, std::size_t{24}, std::size_t{128}})
        for (const auto& shape : shapes) {
            std::vector<Words<u32>> data[2];  // [scalar or variant]
            std::vector<Panel> panels[2];
            int total = 0;
            for (const int pairs : shape.pairs) {
                for (auto& d : data) d.emplace_back(2 * count * pairs);
                for (int pair = 0; pair < pairs; ++pair) {
                    auto a = residues(count), b = residues(count);
                    if (shape.extreme) {  // halves of largest magnitude
                        std::fill(a.data(), a.data() + count, 0x3fff8000u % q);
                        std::fill(b.data(), b.data() + count, q - 1);
                    }
                    scalar.pack_pair(a, b, {data[0].back(), pairs, pair}, count);
                    variant.pack_pair(a, b, {data[1].back(), pairs, pair}, count);
                }
                total += pairs;
            }
            for (std::size_t i = 0; i < 2; ++i)
                for (std::size_t p = 0; p < data[i].size(); ++p)
                    panels[i].push_back({data[i][p].data(), shape.pairs[p]});
            const int blocks = (shape.outputs + product_block - 1) / product_block;
            Words<u32> weights(static_cast<std::size_t>(blocks) * total * product_block);
            // the sum of magnitudes stays below 2^16: two weights of +-32767, or 2 total of them within the bound
            const int limit = std::min(32767, 65535 / (2 * total));
            for (std::size_t i = 0; i < weights.size(); ++i) {
                const auto weight = [&](u64 r) {
                    return shape.extreme ? (r & 1 ? limit : -limit) : static_cast<int>(r % (2 * limit + 1)) - limit;
                };
                const int wa = weight(random()), wb = weight(random());
                weights[i] = (static_cast<u32>(wa) & 0xffff) | static_cast<u32>(wb) << 16;
            }
            std::vector<Words<u32>> expected, got;
            std::vector<u32*> to_expected, to_got;
            for (int o = 0; o < shape.outputs; ++o) {
                expected.emplace_back(count);
                got.emplace_back(count);
            }
            for (auto& row : expected) to_expected.push_back(row.data());
            for (auto& row : got) to_got.push_back(row.data());
            const int panel_count = static_cast<int>(shape.pairs.size());
            scalar.matrix_product(m, panels[0].data(), panel_count, weights, shape.outputs, to_expected.data(), false,
                                  count);
            for (const bool past_caches : {false, true}) {
                for (auto& row : got) std::fill_n(row.data(), count, q);
                const Lookahead::Run runs[] = {
                    {weights, 3}, {expected[0], 0}, {expected[0], count / 16}, {to_got[0], 7}};
                Lookahead ahead(runs, static_cast<std::size_t>(panel_count * shape.outputs) * count);
                variant.product(m, panels[1].data(), panel_count, weights, shape.outputs, to_got.data(), past_caches,
                                count, ahead);
                finish_streams();
                EXPECT_TRUE(ahead.is_done() || count % 16 != 0);  // the scalar one fetches nothing
                for (int o = 0; o < shape.outputs; ++o) ASSERT_EQ(expected[o].vector(), got[o].vector());
            }
        }
}

std::string name_of(const ::testing::TestParamInfo<const Kernels*>& info) {
    return test_name(*info.param);
}
INSTANTIATE_TEST_SUITE_P(All, KernelVariants, ::testing::ValuesIn(vector_kernels_under_test()), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KernelVariants);

}  // namespace
}  // namespace obscura::ring
