#pragma once

#include <cstdint>
#include <string>

#include "io/images.hpp"
#include "plan/plan.hpp"

namespace obscura::compiler {

/// Accuracy of a plan before any encryption. Fractions are 0..1; accuracies are NaN without labels.
struct Simulation {
    int images = 0;
    double accuracy_plain = 0;      ///< the plan's integers without noise
    double accuracy_simulated = 0;  ///< with the modelled encryption noise
    double agreement = 0;           ///< share of images whose best class is the same in both
    double score_error_rms = 0;     ///< simulated minus plain
    double score_error_max = 0;
    double headroom_bits = 0;  ///< smallest over layers, for these images (prediction.hpp)
    double seconds = 0;
};

/// Runs the plan in the clear, with and without the noise of plan/noise.hpp. `threads` 0: one a core.
/// Throws Error(format) if the images are not of the plan's shape.
Simulation simulate(const plan::Plan& plan, const io::Images& images, std::uint64_t seed, int threads);

/// A JSON object of all fields; NaN becomes null.
std::string to_json(const Simulation& simulation);

}  // namespace obscura::compiler
