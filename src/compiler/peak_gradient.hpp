#pragma once

#include <span>
#include <vector>

#include "compiler/back_propagation.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// The gradient of what drives an image out of a network's range: the sum over all layers that are squared, and the
/// head, of log(largest |value| of the layer). Immutable; may be shared by threads.
class PeakGradient {
  public:
    explicit PeakGradient(const plan::RealNetwork& network) : network_(network), propagation_(network) {}

    /// `values` [layer][out_channels * height * width] as plan::LayerHook sees them (the head's are not read), `scores`
    /// [classes]; all finite. Returns the gradient by the network's input, [channels][height * width].
    std::vector<float> at(const std::vector<std::vector<float>>& values, std::span<const float> scores) const;

  private:
    const plan::RealNetwork& network_;
    const BackPropagation propagation_;
};

}  // namespace obscura::compiler
