#include <gmp.h>
#include <gtest/gtest.h>

#include "ring_test_support.hpp"

/// Base conversion against integers of any size: x in (-Q/2, Q/2) is given by y_i = x (Q/q_i)^-1 mod q_i, centred, and
/// x = sum_i y_i (Q/q_i) - v Q with v = round(sum_i y_i / q_i).
namespace obscura::ring {
namespace {

class Integer {
  public:
    Integer() { mpz_init(v_); }
    explicit Integer(u32 x) { mpz_init_set_ui(v_, x); }
    Integer(const Integer& o) { mpz_init_set(v_, o.v_); }
    Integer& operator=(const Integer& o) {
        mpz_set(v_, o.v_);
        return *this;
    }
    ~Integer() { mpz_clear(v_); }
    mpz_ptr get() { return v_; }
    mpz_srcptr get() const { return v_; }
    u32 mod(u32 q) const { return static_cast<u32>(mpz_fdiv_ui(v_, q)); }

  private:
    mpz_t v_;
};

struct Conversion {
    std::vector<u32> sources, targets;
    Integer product;
    std::vector<Integer> values;
    std::vector<Words<i32>> digits;

    Conversion(int source_count, int target_count, std::size_t count, Random& random) : product(1) {
        sources = ntt_primes(15, source_count);
        const auto primes = ntt_primes(15, source_count + target_count);
        targets.assign(primes.begin() + source_count, primes.end());
        for (const u32 q : sources) mpz_mul_ui(product.get(), product.get(), q);
        Integer half;
        mpz_fdiv_q_2exp(half.get(), product.get(), 1);
        for (const u32 q : sources) {
            (void)q;
            digits.emplace_back(count);
        }
        for (std::size_t n = 0; n < count; ++n) {
            Integer x;
            for (const u32 q : sources) {  // uniform below the product, then centred
                mpz_mul_ui(x.get(), x.get(), q);
                mpz_add_ui(x.get(), x.get(), random() % q);
            }
            if (n == 0) mpz_set_ui(x.get(), 0);
            if (n == 1) mpz_set_ui(x.get(), 1);
            if (n == 2) mpz_sub_ui(x.get(), product.get(), 1);
            if (mpz_cmp(x.get(), half.get()) > 0) mpz_sub(x.get(), x.get(), product.get());
            for (std::size_t i = 0; i < sources.size(); ++i) {
                const u32 q = sources[i], y = mul_mod(x.mod(q), inverse_mod(cofactor(i, q), q), q);
                digits[i][n] = centred(y, q);
            }
            values.push_back(x);
        }
    }
    /// Q / q_i modulo m.
    u32 cofactor(std::size_t i, u32 m) const {
        u32 c = 1;
        for (std::size_t j = 0; j < sources.size(); ++j)
            if (j != i) c = mul_mod(c, sources[j] % m, m);
        return c;
    }
    std::vector<const i32*> rows() const {
        std::vector<const i32*> r;
        for (const auto& d : digits) r.push_back(d.data());
        return r;
    }
    Words<i32> quotients(const Kernels& k) const {
        std::vector<i32> reciprocals;
        const int shift = reciprocal_shift(sources);
        for (const u32 q : sources) reciprocals.push_back(static_cast<i32>(((u64{1} << shift) + q / 2) / q));
        Words<i32> v(values.size());
        k.quotient(rows().data(), reciprocals.data(), static_cast<int>(sources.size()), shift, v, values.size());
        return v;
    }
    /// One row of words a target; `small` null for the approximate conversion.
    std::vector<Words<u32>> convert(const Kernels& k, const i32* small) const {
        std::vector<Modulus> moduli;
        std::vector<std::vector<i32>> factors;
        std::vector<Words<u32>> out;
        for (const u32 t : targets) {
            moduli.push_back(make_modulus(t));
            factors.emplace_back();
            for (std::size_t i = 0; i < sources.size(); ++i)
                factors.back().push_back(centred(mul_mod(cofactor(i, t), moduli.back().r, t), t));
            out.emplace_back(values.size());
        }
        std::vector<ConversionTarget> list;
        for (std::size_t t = 0; t < targets.size(); ++t) {
            const u32 minus_product = sub_mod(0, product.mod(targets[t]), targets[t]);
            list.push_back({&moduli[t], factors[t].data(),
                            centred(mul_mod(minus_product, moduli[t].r, targets[t]), targets[t]), out[t].data()});
        }
        k.convert(rows().data(), static_cast<int>(sources.size()), small, list.data(), static_cast<int>(list.size()), 0,
                  values.size());
        return out;
    }
};

class BaseConversion : public ::testing::TestWithParam<const Kernels*> {
  protected:
    static constexpr std::size_t count = 512;
    const Kernels& k = *GetParam();
    Random random{11};
};

TEST_P(BaseConversion, ExactWithTheQuotient) {
    for (int sources = 1; sources <= max_conversion_sources; ++sources) {
        const Conversion c(sources, 5, count, random);
        const auto v = c.quotients(k);
        const auto out = c.convert(k, v.data());
        for (std::size_t t = 0; t < c.targets.size(); ++t)
            for (std::size_t n = 0; n < count; ++n) {
                ASSERT_LT(out[t][n], 3 * static_cast<u64>(c.targets[t]));
                ASSERT_EQ(out[t][n] % c.targets[t], c.values[n].mod(c.targets[t])) << sources << " sources, word " << n;
            }
    }
}

TEST_P(BaseConversion, ApproximateWithinHalfAProductPerSource) {
    for (int sources = 1; sources <= max_conversion_sources; ++sources) {
        const Conversion c(sources, 5, count, random);
        const auto v = c.quotients(k);
        const auto out = c.convert(k, nullptr);
        for (std::size_t n = 0; n < count; ++n) {
            ASSERT_LE(2 * std::abs(v[n]), sources + 1);
            Integer x = c.values[n];  // the same multiple of Q too much modulo every target
            if (v[n] >= 0)
                mpz_addmul_ui(x.get(), c.product.get(), static_cast<u32>(v[n]));
            else
                mpz_submul_ui(x.get(), c.product.get(), static_cast<u32>(-v[n]));
            for (std::size_t t = 0; t < c.targets.size(); ++t)
                ASSERT_EQ(out[t][n] % c.targets[t], x.mod(c.targets[t])) << sources << " sources, word " << n;
        }
    }
}

/// The largest sums that the most sources can make, of either sign, must neither wrap nor leave the lazy range.
TEST_P(BaseConversion, LargestSums) {
    const auto primes = ntt_primes(15, max_conversion_sources);
    for (const u32 target : {ntt_primes(15, max_conversion_sources + 1).back(), primes.front()})
        for (const i32 sign : {1, -1}) {
            std::vector<Words<i32>> y;
            std::vector<const i32*> rows;
            const i32 factor = static_cast<i32>(target / 2);
            i64 sum = 0;
            for (const u32 q : primes) {
                const i32 limit = sign * static_cast<i32>(q / 2);
                auto& row = y.emplace_back(count);
                for (std::size_t n = 0; n < count; ++n) row[n] = limit;
                rows.push_back(row.data());
                sum += static_cast<i64>(limit) * factor;
            }
            Words<i32> small(count);
            for (std::size_t n = 0; n < count; ++n) small[n] = 16 * sign;
            sum += static_cast<i64>(16 * sign) * factor;
            const Modulus m = make_modulus(target);
            const std::vector<i32> factors(primes.size(), factor);
            Words<u32> out(count);
            const ConversionTarget to{&m, factors.data(), factor, out.data()};
            k.convert(rows.data(), max_conversion_sources, small.data(), &to, 1, 0, count);
            for (std::size_t n = 0; n < count; ++n) {
                ASSERT_LT(out[n], 3 * static_cast<u64>(target));
                ASSERT_EQ(mul_mod(out[n] % target, m.r, target), reduce_signed(sum, target));
            }
        }
}

TEST(ConversionBounds, QuotientsKeepAsManyBitsAsTheSmallestPrimeAllows) {
    EXPECT_EQ(reciprocal_shift(ntt_primes(15, 8)), 58);
    for (const u32 q : {193u, 12289u, 786433u, (1u << 28) + 1, (1u << 29) - 1}) {
        const u32 list[] = {q};
        const int shift = reciprocal_shift(list);
        EXPECT_LT((u64{1} << shift) / q, u64{1} << 31);
        EXPECT_TRUE(shift == 58 || (u64{1} << shift) / q >= u64{1} << 29);
    }
}

std::string name_of(const ::testing::TestParamInfo<const Kernels*>& info) {
    return test_name(*info.param);
}
INSTANTIATE_TEST_SUITE_P(All, BaseConversion, ::testing::ValuesIn(kernels_under_test()), name_of);

}  // namespace
}  // namespace obscura::ring
