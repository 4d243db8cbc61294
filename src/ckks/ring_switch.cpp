#include "ckks/ring_switch.hpp"

#include <cassert>

namespace obscura::ckks {

ParametersLiteral ring_switch_parameters(const ParametersLiteral& from, const ParametersLiteral& to) {
    ParametersLiteral bridge = to;
    bridge.log_degree = from.log_degree;
    return bridge;
}

Ciphertext switch_ring(const Context& bridge, const EvaluationKeys& keys, int log_degree, Parts parts,
                       Ciphertext&& ciphertext, LimbPool& pool, SwitchScratch& scratch) {
    assert(log_degree <= bridge.parameters().log_degree());
    const Operand operand = make_operand(bridge, std::move(ciphertext));
    const int as_it_is[] = {0};
    auto results = rotate_hoisted(bridge, keys, operand, as_it_is, pool, scratch);
    const std::size_t degree = std::size_t{1} << log_degree, count = bridge.degree() / degree;
    for (Poly* part : {&results[0].c0, &results[0].c1})
        for (std::size_t t = 0; t < part->size(); ++t) {
            u32* x = (*part)[t];
            const auto& m = bridge.modulus(static_cast<int>(t));
            for (std::size_t at = degree; at < bridge.degree(); at += degree)
                bridge.kernels().add(m.q, x, x + at, x, degree);
            if (parts == Parts::mean && count > 1) {
                const u32 inverse = ring::inverse_mod(static_cast<u32>(count), m.q);
                bridge.kernels().scale(m, ring::make_factor(inverse, m.q), x, x, degree);
            }
        }
    return std::move(results[0]);
}

}  // namespace obscura::ckks
