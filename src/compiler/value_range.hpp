#pragma once

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

/// log2 of the largest |z| that a layer is certain to carry: sqrt(Q/2) before a square, Q/2 for a head's sum, Q at the
/// level of the layer's output. Infinite for other layers.
double limit_bits(const plan::Plan& plan, const plan::Layer& layer);

/// limit_bits less log2 of the layer's peak: the head-room that calibration found.
double headroom_bits(const plan::Plan& plan, const plan::Layer& layer);

/// The images, and for plans with idle tiles what those compute: the images moved by 1 .. gap-1 tiles, for the largest
/// gap of the plan's layouts.
std::vector<io::Images> tile_images(const plan::Plan& plan, const io::Images& images);

/// Largest value of each layer by image, [image][layer], in units of Layer::peak, idle tiles included; infinite beyond
/// float32. `network` is the plan's.
std::vector<std::vector<double>> image_peaks(const plan::Plan& plan, const plan::PlainNetwork& network,
                                             const io::Images& images, ThreadPool& pool);

}  // namespace obscura::compiler
