#pragma once

#include <vector>

#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/real_network.hpp"

/// What the calibration images say about the sizes of values in a network.
namespace obscura::compiler {

struct LayerStatistics {
    std::vector<double> mean_square;  ///< [channels] of z, over pixels and images: the mean of the output
};

struct Statistics {
    std::vector<LayerStatistics> layers;  ///< one for each layer; empty vectors unless Finish::square
    std::vector<double> largest_score;    ///< [classes], |score - bias|
    int images = 0;                       ///< counted
    std::vector<bool> outlier;            ///< [images given]: left out, as a value is far outside the usual range
};

/// Input encoding with mean 0 and variance 1 a channel over the images; the first layers' weights are changed so that
/// the network means the same. `network` must take raw pixels.
void normalise_input(plan::RealNetwork& network, const io::Images& images);

/// What the first layers read of an image: [channels * height * width].
std::vector<float> encoded(const plan::InputEncoding& input, const io::Images& images, std::size_t image);

/// Evaluates the network on all images. An image is an outlier if some |z| reaches `outlier_limit` times the rms that
/// the median image has in that channel. Throws Error(range) if more than a tenth of the images are.
Statistics measure(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool);

/// The images moved up by some rows, cyclically: what idle tiles compute the network on.
io::Images rolled(const io::Images& images, int rows);

/// The first `count` images that are no outliers, or all of those.
io::Images typical_images(const io::Images& images, const Statistics& statistics, int count);

/// The first `count` images, or all.
io::Images first_images(const io::Images& images, int count);

}  // namespace obscura::compiler
