#pragma once

#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// What small errors in a layer do to the class scores: squared errors of the scores, summed over the classes, on
/// average over images, for each unit of variance.
struct LayerSensitivity {
    std::vector<double> values;                ///< [out_channels] independent errors of all pixels of z
    std::vector<std::vector<double>> weights;  ///< [operand][out_channels * channels] independent errors of the weights
                                               ///< of all taps; what they change on average is not counted, as biases
                                               ///< can take it back
};

/// To first order, by back-propagation of one random mixture of the scores for each image. Deterministic. The head's
/// values are left out. [layer]; empty for Finish::none.
std::vector<LayerSensitivity> measure_sensitivity(const plan::RealNetwork& network, const io::Images& images,
                                                  ThreadPool& pool);

}  // namespace obscura::compiler
