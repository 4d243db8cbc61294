#include "tensor/tile_masks.hpp"

#include <algorithm>
#include <cmath>

#include "ckks/encoder.hpp"

namespace obscura::tensor {

TileMasks::TileMasks(const ckks::Context& context, const Geometry& geometry, int batch, int level,
                     ring::LimbPool& pool) {
    if (geometry.masks.empty()) return;
    const std::size_t n = context.degree();
    const ckks::Encoder encoder(context.parameters().log_degree());
    const double scale = context.prime(level - 1);
    std::vector<double> slots(n), coefficients(n);
    for (const auto& tiles : geometry.masks) {
        for (std::size_t j = 0; j < n; ++j)
            slots[j] = tiles[j / static_cast<std::size_t>(batch) % tiles.size()] ? scale : 0.0;
        encoder.encode(slots, coefficients);
        auto& limbs = limbs_.emplace_back();
        limbs.limbs.resize(static_cast<std::size_t>(context.limbs()));
        for (int t = 0; t < context.limbs(); ++t) {
            if (t >= level && t < context.levels()) continue;
            const auto& m = context.modulus(t);
            auto& limb = limbs.limbs[static_cast<std::size_t>(t)];
            limb = pool.take();
            for (std::size_t i = 0; i < n; ++i) limb[i] = ring::reduce_signed(std::llround(coefficients[i]), m.q);
            context.kernels().ntt_forward(context.table(t), limb.get(), limb.get());
            context.kernels().scale(m, ring::make_factor(m.r, m.q), limb.get(), limb.get(), n);
        }
    }
}

}  // namespace obscura::tensor
