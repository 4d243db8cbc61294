#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/real_network.hpp"

/// The plain reference: what encrypted inference should give, in float32 and without encryption.
namespace obscura::plan {

/// Sees, and may change, the values [out_channels][height*width] of every layer but the head: z before it is squared
/// (Finish::square) or the sums (Finish::none).
/// Called by several workers at once, each for its own image.
using LayerHook = std::function<void(int image, int worker, int layer, std::span<float> z)>;

/// A network with its weights packed for evaluation. Immutable; may be shared by threads.
class PlainNetwork {
  public:
    /// Throws Error(unsupported) for strides the layouts do not know.
    explicit PlainNetwork(const RealNetwork& network);
    ~PlainNetwork();
    PlainNetwork(const PlainNetwork&) = delete;
    PlainNetwork& operator=(const PlainNetwork&) = delete;

    int classes() const;
    /// Class scores, scores[image * classes() + class], of 8-bit images. ResNet-20 takes about 5 ms an image and core.
    /// Throws Error(format) if the images have another shape than the network's input.
    std::vector<float> scores(const io::Images& images, ThreadPool& pool, const LayerHook& hook = {}) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Index of the largest score of each image.
std::vector<int> best_classes(std::span<const float> scores, int classes);

/// Throws Error(format) if the images are not of the input's shape.
void check_shape(const InputEncoding& input, const io::Images& images);

}  // namespace obscura::plan
