#pragma once

#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// What layers read: for a sample of pixels of the calibration images, the inputs of a layer's matrix product.
class FeatureSamples {
  public:
    /// Keeps the outputs of every layer for at most `images` of the images (ResNet-20: 0.75 MB an image).
    FeatureSamples(const plan::RealNetwork& network, const io::Images& images, int count, ThreadPool& pool);

    /// Samples of the columns of a layer's product, [samples][columns], columns ordered by operand, tap and channel.
    /// Deterministic. `samples` is an upper bound. Zero padding is not sampled (the cyclic neighbours stand in for it):
    /// what rounding adds to a tap that is outside of the image is taken back exactly.
    std::vector<float> columns(int layer, int samples) const;

  private:
    const plan::RealNetwork& network_;
    int images_ = 0;
    std::vector<std::vector<std::vector<float>>> outputs_;  ///< [layer + 1][image][channels * pixels]; 0 is the input
};

}  // namespace obscura::compiler
