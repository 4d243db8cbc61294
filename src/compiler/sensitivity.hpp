#pragma once

#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/real_network.hpp"

namespace obscura::compiler {

/// What small errors in a square layer do.
struct LayerSensitivity {
    /// [out_channels] by independent errors of variance 1 in all pixels of z: squared errors of the class scores,
    /// summed over the classes, on average over images; to first order.
    std::vector<double> values;
    /// [operand][channels] by errors of variance 1 in the weights of all taps that read a channel: variance of the
    /// error of z, where the other weights make up for as much as they can (CompensatedRounding::left).
    std::vector<std::vector<double>> weights;
};

/// [layer], empty but for Finish::square. Gradients are of one random mixture of the scores for each of the first
/// images. Deterministic.
std::vector<LayerSensitivity> measure_sensitivity(const plan::RealNetwork& network, const io::Images& images,
                                                  ThreadPool& pool);

}  // namespace obscura::compiler
