#pragma once

#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// Numbers that one output of a layer adds up.
std::size_t column_count(const plan::RealLayer& layer);

/// Samples of so many columns that show which of them can stand in for which.
int usual_samples(std::size_t columns);

/// What layers read, for some images: exactly, and as it is when the layers before have been rounded. Goes through the
/// network layer by layer, and keeps what layers still to come read.
class FeatureSamples {
  public:
    /// Layers' inputs at sampled pixels, [samples][columns], columns ordered by operand, tap and channel.
    struct Columns {
        std::vector<float> exact;
        std::vector<float> rounded;
    };

    FeatureSamples(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool);

    /// Samples of the columns of a layer's product, in real units. Deterministic; `samples` is an upper bound. Zero
    /// padding is not sampled (the cyclic neighbours stand in for it): what rounding adds to a tap that is outside of
    /// the image is taken back exactly.
    Columns columns(int layer, int samples) const;

    /// Goes on to the outputs of the layer, as `rounded` gives them (of the same shape, in real units). To be called
    /// for each layer in order; none for the head.
    void advance(int layer, const plan::RealLayer& rounded);
    /// The same for a layer that is not rounded.
    void advance(int layer);

    /// What rounding has added to the layer's output (-1: the input) on average over images and pixels, [channels].
    std::vector<double> drift(int layer) const;

  private:
    using Tensor =
        std::vector<std::vector<float>>;  ///< [image][channels * pixels]; empty when nobody reads it any more

    void forget_unread(int layer);
    Tensor apply(const plan::RealLayer& layer, const std::vector<Tensor>& tensors) const;

    const plan::RealNetwork& network_;
    ThreadPool& pool_;
    std::size_t images_ = 0;
    std::vector<int> last_reader_;  ///< of each tensor; 0 is the input, i + 1 the output of layer i
    std::vector<Tensor> exact_;
    std::vector<Tensor> rounded_;
};

}  // namespace obscura::compiler
