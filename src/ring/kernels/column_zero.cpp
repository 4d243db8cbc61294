#include "ring/kernels/column_zero.hpp"

namespace obscura::ring {

namespace {

constexpr int rows = order_classes, stages = 3;

}  // namespace

void forward_column_zero(const NttTable& table, const u32* in, u32* out) {
    const u32 q = table.modulus.q, imaginary = table.imaginary.value;
    const std::size_t stride = (std::size_t{1} << table.log_degree) / rows;
    u32 x[rows];
    for (int k = 0; k < rows; ++k) x[k] = in[k * stride] % q;
    for (int k = 1; k < rows / 2; ++k) {
        const u32 low = x[k], high = mul_mod(x[rows - k], imaginary, q);
        x[k] = sub_mod(low, high, q);
        x[rows - k] = add_mod(low, high, q);
    }
    x[rows / 2] = mul_mod(x[rows / 2], imaginary + 1, q);
    for (int stage = 0; stage < stages; ++stage)
        for (int i = 0, half = rows >> (stage + 1); i < rows; ++i)
            if ((i & half) == 0) {
                const u32 w = table.tree[(1 << stage) + i / (2 * half)];
                const u32 a = x[i], b = mul_mod(x[i + half], w, q);
                x[i] = add_mod(a, b, q);
                x[i + half] = sub_mod(a, b, q);
            }
    for (int k = 0; k < rows; ++k) out[k] = x[k];
}

void inverse_column_zero(const NttTable& table, const InverseScale& scale, const u32* in, u32* out) {
    const u32 q = table.modulus.q;
    const std::size_t stride = (std::size_t{1} << table.log_degree) / rows;
    u32 x[rows];
    for (int k = 0; k < rows; ++k) x[k] = in[k * stride] % q;
    for (int stage = stages; stage-- > 0;)
        for (int i = 0, half = rows >> (stage + 1); i < rows; ++i)
            if ((i & half) == 0) {
                const u32 w = table.inverse_tree[(1 << stage) + i / (2 * half)];
                const u32 a = x[i], b = x[i + half];
                x[i] = add_mod(a, b, q);
                x[i + half] = mul_mod(sub_mod(a, b, q), w, q);
            }
    out[0] = mul_mod(x[0], scale.constant.value, q);
    out[rows / 2] = mul_mod(x[rows / 2], scale.middle.value, q);
    for (int k = 1; k < rows / 2; ++k) {
        const u32 low = x[k], high = x[rows - k];
        out[k] = mul_mod(add_mod(low, high, q), scale.even.value, q);
        out[rows - k] = mul_mod(sub_mod(low, high, q), scale.odd.value, q);
    }
}

}  // namespace obscura::ring
