#pragma once

#include <vector>

#include "ckks/context.hpp"
#include "ring/limb_pool.hpp"
#include "tensor/geometry.hpp"

namespace obscura::tensor {

/// The masks of a masked layer as plaintexts in evaluation order: one in the slots of the tiles selected, zero
/// elsewhere, times the chain prime that the layer is divided by afterwards. Rounding the coefficients to integers
/// leaves errors of rms sqrt(N/6) in slots, which the division makes as small as 2^-13 of a value (plan/noise.hpp).
class TileMasks {
  public:
    /// `level`: limbs of the layer; the scale is chain prime level-1. Nothing is computed if there are no masks.
    TileMasks(const ckks::Context& context, const Geometry& geometry, int batch, int level, ring::LimbPool& pool);

    /// Evaluations of a mask modulo a limb (chain limbs below level and special limbs), times 2^32: a Montgomery
    /// product with them is the product with the mask.
    const ring::u32* at(int mask, int limb) const {
        return limbs_[static_cast<std::size_t>(mask)][static_cast<std::size_t>(limb)];
    }

  private:
    std::vector<ring::Poly> limbs_;
};

}  // namespace obscura::tensor
