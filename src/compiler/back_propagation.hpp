#pragma once

#include <functional>
#include <span>
#include <vector>

#include "plan/real_network.hpp"

namespace obscura::compiler {

/// Back-propagation through linear layers and squares, of one image's gradient. Immutable; may be shared by threads.
class BackPropagation {
  public:
    /// Sees, and may add to, the gradient [out_channels * height * width] by a layer's values: z before it is squared
    /// (Finish::square), the sums (Finish::none), what the head sums up over the pixels. Called for every layer, the
    /// last first, when what comes back from later layers is in it.
    using Visit = std::function<void(std::size_t layer, std::span<float> gradient)>;

    explicit BackPropagation(const plan::RealNetwork& network) : network_(network) {}

    /// `values` [layer][out_channels * height * width] as plan::LayerHook sees them (the head's are not read). Returns
    /// the gradient by the network's input, [channels][height * width].
    std::vector<float> run(const std::vector<std::vector<float>>& values, const Visit& visit) const;

  private:
    const plan::RealNetwork& network_;
};

}  // namespace obscura::compiler
