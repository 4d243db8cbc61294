// Weights' gradients, summed group of images by group, so that results do not depend on the number of threads.

#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "convolution.hpp"

namespace kernels {

// So many images are summed one after another, whatever the number of threads.
constexpr int64_t kGroup = 4;

// [groups][size, size, rows, outputs]; rows: the inputs, and as many more as whoever fills it likes.
class GroupSums {
  public:
    GroupSums(const Convolution& shape, int64_t rows)
        : shape_(shape),
          rows_(rows),
          groups_((shape.images + kGroup - 1) / kGroup),
          sums_(std::make_unique_for_overwrite<float[]>(groups_ * group_size())) {}

    int64_t groups() const { return groups_; }
    int64_t group_size() const { return shape_.size * shape_.size * rows_ * shape_.outputs; }
    float* of(int64_t group) { return sums_.get() + group * group_size(); }

    // The sums over all groups of one tap and input channel, to the order of weights.
    void total(int64_t tap_input, float* d_weights) const {
        const int64_t tap = tap_input / shape_.inputs, input = tap_input % shape_.inputs;
        std::vector<float> sum(shape_.outputs);
        const float* from = sums_.get() + (tap * rows_ + input) * shape_.outputs;
        for (int64_t group = 0; group < groups_; ++group, from += group_size())
            for (int64_t output = 0; output < shape_.outputs; ++output) sum[output] += from[output];
        for (int64_t output = 0; output < shape_.outputs; ++output)
            d_weights[(output * shape_.inputs + input) * shape_.size * shape_.size + tap] = sum[output];
    }

  private:
    const Convolution& shape_;
    int64_t rows_, groups_;
    std::unique_ptr<float[]> sums_;
};

}  // namespace kernels
