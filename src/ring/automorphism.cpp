#include "ring/automorphism.hpp"

namespace obscura::ring {

Automorphism make_automorphism(int log_degree, int step) {
    const auto n = static_cast<i64>(1) << log_degree;
    return {static_cast<std::size_t>(n), static_cast<std::size_t>((step % n + n) % n)};
}

void apply(const Automorphism& automorphism, const u32* operand, u32* out) {
    std::rotate_copy(operand, operand + automorphism.step, operand + automorphism.degree, out);
}

}  // namespace obscura::ring
