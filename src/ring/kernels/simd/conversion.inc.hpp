#pragma once

#include "ring/kernels/simd/pointwise.inc.hpp"

/// Base conversion: sums of signed 64-bit products, several target primes for each load of the sources.
namespace obscura::ring {
namespace {

/// Words of all sources that are read again for every group of targets: they stay in the first-level cache.
constexpr std::size_t conversion_piece = 512;

/// Words ahead at which sources are fetched: rows far apart, more than the processor follows by itself.
constexpr std::size_t conversion_ahead = 128;

inline Wide multiply_wide_signed(Vec a, Vec a_odd, Vec b) {
    return {mul_even_signed(a, b), mul_even_signed(a_odd, b)};
}

template <int Targets>
inline void convert_group(const i32* const* y, int sources, const i32* small, const ConversionTarget* targets,
                          std::size_t begin, std::size_t end) {
    i32 factors[max_conversion_sources][Targets];
    for (int i = 0; i < sources; ++i)
        for (int t = 0; t < Targets; ++t) factors[i][t] = targets[t].factors[i];
    for (std::size_t n = begin; n < end; n += lanes) {
        Wide sum[Targets];  // begins with q 2^32, which keeps it positive
        for (int t = 0; t < Targets; ++t) sum[t].even = sum[t].odds = broadcast_high(targets[t].modulus->q);
        for (int i = 0; i < sources; ++i) {
            const Vec x = load(y[i] + n), x_odd = odd(x);
            __builtin_prefetch(y[i] + n + conversion_ahead);
            for (int t = 0; t < Targets; ++t)
                sum[t] = add(sum[t], multiply_wide_signed(x, x_odd, broadcast(static_cast<u32>(factors[i][t]))));
        }
        if (small) {
            const Vec x = load(small + n), x_odd = odd(x);
            for (int t = 0; t < Targets; ++t)
                sum[t] =
                    add(sum[t], multiply_wide_signed(x, x_odd, broadcast(static_cast<u32>(targets[t].small_factor))));
        }
        for (int t = 0; t < Targets; ++t) {
            const Modulus& m = *targets[t].modulus;
            store(targets[t].out + n, montgomery_lazy(sum[t], broadcast(m.neg_inverse), broadcast(m.q)));
        }
    }
}

inline void convert(const i32* const* y, int sources, const i32* small, const ConversionTarget* targets,
                    int target_count, std::size_t begin, std::size_t end) {
    if (!whole_vectors(end - begin))
        return scalar_kernels().convert(y, sources, small, targets, target_count, begin, end);
    for (std::size_t from = begin; from < end; from += conversion_piece) {
        const std::size_t to = end - from < conversion_piece ? end : from + conversion_piece;
        int t = 0;
        for (; t + 4 <= target_count; t += 4) convert_group<4>(y, sources, small, targets + t, from, to);
        switch (target_count - t) {
            case 3:
                convert_group<3>(y, sources, small, targets + t, from, to);
                break;
            case 2:
                convert_group<2>(y, sources, small, targets + t, from, to);
                break;
            case 1:
                convert_group<1>(y, sources, small, targets + t, from, to);
                break;
            default:
                break;
        }
    }
}

inline void quotient(const i32* const* y, const i32* reciprocals, int sources, int shift, i32* out, std::size_t count) {
    if (!whole_vectors(count)) return scalar_kernels().quotient(y, reciprocals, sources, shift, out, count);
    const Vec half = broadcast_high(1u << (shift - 33));
    for (std::size_t n = 0; n < count; n += lanes) {
        Wide sum{half, half};
        for (int i = 0; i < sources; ++i) {
            const Vec x = load(y[i] + n);
            sum = add(sum, multiply_wide_signed(x, odd(x), broadcast(static_cast<u32>(reciprocals[i]))));
        }
        store(out + n, shift_right_signed(merge_high(sum.even, sum.odds), shift - 32));
    }
}

}  // namespace
}  // namespace obscura::ring
