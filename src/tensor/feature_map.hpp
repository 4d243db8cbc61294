#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ckks/key_switch.hpp"
#include "plan/layout.hpp"

namespace obscura::tensor {

/// The encrypted output of one layer: a ciphertext for every column of the layout and every channel,
/// index = column * channels + channel. A column is first "pending" (values before the square), then "ready" (squared,
/// relinearised, prepared for rotations and products), then released.
struct FeatureMap {
    plan::Layout layout;
    int channels = 0;
    std::vector<ckks::Ciphertext> pending;
    std::vector<ckks::Operand> ready;
    std::vector<bool> is_ready;  ///< [columns]

    std::size_t at(int column, int channel) const {
        return static_cast<std::size_t>(column) * static_cast<std::size_t>(channels) +
               static_cast<std::size_t>(channel);
    }
    /// Frees the ciphertexts of a column.
    void release(int column) {
        for (int c = 0; c < channels; ++c) {
            if (!pending.empty()) pending[at(column, c)] = {};
            if (!ready.empty()) ready[at(column, c)] = {};
        }
    }
    /// Frees some limbs of c0 of a ready column, and of c1 too unless digits are still to be lifted from it.
    void drop_limbs(int column, std::span<const int> limbs, bool with_c1) {
        for (int c = 0; c < channels; ++c) {
            auto& operand = ready[at(column, c)];
            for (const int t : limbs) {
                const auto limb = static_cast<std::size_t>(t);
                operand.extended0.limbs[limb].reset();
                if (!operand.has_digits())
                    operand.extended1.limbs[limb].reset();
                else if (with_c1 && t < operand.level)
                    operand.digits1.limbs[limb].reset();
            }
        }
    }
    /// Drops limbs of ready columns that layers at `level` no longer touch.
    void drop_to(int level) {
        for (auto& operand : ready) {
            for (int t = level; t < operand.level; ++t) {
                operand.extended0.limbs[static_cast<std::size_t>(t)].reset();
                auto& c1 = operand.has_digits() ? operand.digits1 : operand.extended1;
                c1.limbs[static_cast<std::size_t>(t)].reset();
            }
            operand.level = std::min(operand.level, level);
        }
    }
};

}  // namespace obscura::tensor
