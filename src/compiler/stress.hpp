#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"

namespace obscura::compiler {

/// What one family of images does to a plan. Use: an image's largest |value| over what the layer is certain to carry
/// (value_range.hpp), the worst of all layers, idle tiles included. Beyond 1 an image may spoil its whole group.
struct StressResult {
    std::string family;
    int images = 0;
    double median_use = 0;    ///< infinite: beyond float32
    double worst_use = 0;     ///< infinite: beyond float32
    std::vector<int> beyond;  ///< the images of a use above 1, counted from 0
    std::string worst_layer;  ///< the one that the worst image uses most; where it overflows, the first that does
};

struct StressReport {
    std::string model;
    int group_images = 0;  ///< that a group of the plan holds, and one of them can spoil
    std::vector<StressResult> families;
    double seconds = 0;
};

struct StressOptions {
    int count = 256;       ///< images of each synthetic family
    int adversarial = 32;  ///< images sought by gradient ascent; 0: none
    std::uint64_t seed = 1;
    int threads = 0;  ///< 0: one a core
};

/// Runs the plan's network in the clear over the families of stress_images.hpp and, as family "gradient-maximised",
/// over images that adversary.hpp found, starting from real images or, if there are none, from gaussian noise.
/// `real` may have no images. Throws Error(format) if they are not of the plan's shape, Error(cancelled) when
/// `progress` says so.
StressReport stress(const plan::Plan& plan, const io::Images& real, const StressOptions& options, Progress& progress);

/// A table for people.
std::string to_text(const StressReport& report);

/// A JSON object of all fields; infinity becomes null.
std::string to_json(const StressReport& report);

}  // namespace obscura::compiler
