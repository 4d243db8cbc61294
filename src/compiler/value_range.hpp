#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"
#include "plan/reference.hpp"

/// How large the values of a plan get, and how large they may get.
///
/// A ciphertext of level l holds coefficients modulo Q, the product of the first l chain primes, centred around zero.
/// They are certain to stay below Q/2 as long as all values in the slots do. Beyond that they may wrap, and as every
/// coefficient mixes all slots, the values of all images of the group are lost.
namespace obscura::compiler {

/// plan::limit_bits less log2 of the layer's peak: the head-room that calibration found.
double headroom_bits(const plan::Plan& plan, const plan::Layer& layer);

/// Runs the plan's network on the images as every kind of its tiles does, idle ones included (plan/idle_moves.hpp), the
/// image's own first: `hook` and `take_scores`, for the class scores of all images, are called for each.
void run_tiles(const plan::Plan& plan, const plan::PlainNetwork& network, const io::Images& images, ThreadPool& pool,
               const plan::LayerHook& hook, const std::function<void(std::span<const float>)>& take_scores);

/// Largest value of each layer by image, [image][layer], in units of Layer::peak, idle tiles included; infinite beyond
/// float32. `network` is the plan's.
std::vector<std::vector<double>> image_peaks(const plan::Plan& plan, const plan::PlainNetwork& network,
                                             const io::Images& images, ThreadPool& pool);

}  // namespace obscura::compiler
