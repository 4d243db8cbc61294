#include "ring/kernels/column_zero.hpp"

#include <bit>

#include "ring/bit_reversal.hpp"

namespace obscura::ring {

namespace {

constexpr int most_rows = 16;

int stages_of(int rows) {
    return std::countr_zero(static_cast<unsigned>(rows));
}

/// Calls butterfly(first member, second member, twiddle) for all of a stage.
template <class Butterfly>
void for_stage(const Twiddles& twiddles, int stage, int rows, u32* x, const Butterfly& butterfly) {
    const int half = rows >> (stage + 1);
    for (int node = 0; node < 1 << stage; ++node) {
        const u32 w = twiddles.head[(1u << stage) + reverse_bits(static_cast<u32>(node), stage)];
        for (int i = 2 * half * node; i < 2 * half * node + half; ++i) butterfly(x[i], x[i + half], w);
    }
}

}  // namespace

void forward_column_zero(const NttTable& table, const u32* in, int stride, int rows, u32* out) {
    const u32 q = table.modulus.q, imaginary = table.imaginary.value;
    u32 x[most_rows] = {};
    for (int k = 0; k < rows; ++k) x[k] = in[k * stride] % q;
    for (int k = 1; k < rows / 2; ++k) {
        const u32 low = x[k], high = mul_mod(x[rows - k], imaginary, q);
        x[k] = sub_mod(low, high, q);
        x[rows - k] = add_mod(low, high, q);
    }
    x[rows / 2] = mul_mod(x[rows / 2], imaginary + 1, q);
    const int stages = stages_of(rows);
    for (int stage = 0; stage < stages; ++stage)
        for_stage(table.forward, stage, rows, x, [q](u32& a, u32& b, u32 w) {
            const u32 low = a, high = mul_mod(b, w, q);
            a = add_mod(low, high, q);
            b = sub_mod(low, high, q);
        });
    for (int k = 0; k < rows; ++k) out[reverse_bits(static_cast<u32>(k), stages)] = x[k];
}

void inverse_column_zero(const NttTable& table, const InverseScale& scale, const u32* in, int stride, int rows,
                         u32* out) {
    const u32 q = table.modulus.q;
    const int stages = stages_of(rows);
    u32 x[most_rows] = {};
    for (int k = 0; k < rows; ++k) x[k] = in[reverse_bits(static_cast<u32>(k), stages)] % q;
    for (int stage = stages; stage-- > 0;)
        for_stage(table.inverse, stage, rows, x, [q](u32& a, u32& b, u32 w) {
            const u32 low = a, high = b;
            a = add_mod(low, high, q);
            b = mul_mod(sub_mod(low, high, q), w, q);
        });
    out[0] = mul_mod(x[0], scale.constant.value, q);
    out[rows / 2 * stride] = mul_mod(x[rows / 2], scale.middle.value, q);
    for (int k = 1; k < rows / 2; ++k) {
        const u32 low = x[k], high = x[rows - k];
        out[k * stride] = mul_mod(add_mod(low, high, q), scale.even.value, q);
        out[(rows - k) * stride] = mul_mod(sub_mod(low, high, q), scale.odd.value, q);
    }
}

}  // namespace obscura::ring
