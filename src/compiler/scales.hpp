#pragma once

#include <vector>

#include "compiler/sensitivity.hpp"
#include "plan/real_network.hpp"

/// Scales: integers per unit of the real network's values.
///
/// A channel of larger scale suffers less from the noise that encryption adds to z, and its own weights are finer. But
/// those of its readers are coarser, by twice as many bits, as they multiply squares. So what counts is how much either
/// error shows in the class scores, which differs between layers and channels by powers of ten.
namespace obscura::compiler {

/// What a square layer's scales are chosen by.
struct ScaleTerms {
    double noise = 0;              ///< rms of what encryption adds to the integers z, times the weight this is given
    double prime = 1;              ///< that the sums of integer weights times integers are divided by
    std::vector<double> smallest;  ///< [out_channels] scales of z allowed; the same as largest: given
    std::vector<double> largest;
};

/// The scales of z [layer][out_channels] for which noise and rounding of weights together change the class scores
/// least: a convex problem in the logarithms (a geometric program), solved channel by channel in turn. `terms` [layer],
/// used for Finish::square; other layers have no scales in the result. `input_scale` [channels]: of the input.
std::vector<std::vector<double>> balanced_scales(const plan::RealNetwork& network,
                                                 const std::vector<LayerSensitivity>& sensitivity,
                                                 const std::vector<ScaleTerms>& terms,
                                                 const std::vector<double>& input_scale);

}  // namespace obscura::compiler
