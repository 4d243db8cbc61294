#pragma once

#include <string>
#include <vector>

#include "plan/plan.hpp"

/// A network of linear layers and squares in real arithmetic: what the compiler quantises, and what a plan means
/// without encryption. Same structure and index conventions as Plan, weights as doubles.
namespace obscura::plan {

struct RealOperand {
    int source = -1;  ///< layer whose output is read; -1 is the input
    int channels = 0;
    int stride = 1;
    std::vector<Tap> taps;
    std::vector<double> weights;  ///< [out_channels][taps][channels]
    Padding padding = Padding::raster;
};

/// Finish::square: output = (sum + bias + borders)^2. Finish::none: sum. Finish::head: scores = sum over all pixels +
/// bias.
struct RealLayer {
    std::string name;
    Finish finish = Finish::square;
    int out_channels = 0;
    int height = 0;
    int width = 0;
    std::vector<RealOperand> operands;
    std::vector<double> bias;     ///< [out_channels]; empty for Finish::none
    std::vector<Border> borders;  ///< Finish::square only
};

struct RealNetwork {
    InputEncoding input;  ///< how 8-bit pixels become the numbers the first layers read
    std::vector<RealLayer> layers;
};

/// A plan's layer of the same name and shape: without weights, levels, bias and scales.
Layer outline(const RealLayer& layer);

/// The plan's network in its own units: inputs and squares are the integers in the slots, scores are scores.
RealNetwork real_network(const Plan& plan);

}  // namespace obscura::plan
