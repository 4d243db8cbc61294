#pragma once

#include <cstddef>
#include <vector>

#include "plan/plan.hpp"
#include "plan/real_network.hpp"

/// From a layer's real weights to the integers of a plan, and back.
///
/// `sources` are all tensors so far, the input first; `factor` [out_channels] is the units of the layer's sums of
/// integer products per real unit.
namespace obscura::compiler {

/// What later layers need to know about a tensor's integers.
struct IntegerSource {
    std::vector<double> scale;  ///< [channels], integer per real unit
    std::vector<double> mean;   ///< [channels], of the integers without rounding
    std::vector<double> drift;  ///< [channels], what rounding has added to it
};

/// Weight k of the operand divided by its source's scale: real output units per unit of the integer read.
double unscaled_weight(const plan::RealOperand& operand, const IntegerSource& source, std::size_t k);

/// Largest factor for output channel o that keeps its weights within the limits of the matrix product.
double largest_factor(const plan::RealLayer& layer, const std::vector<IntegerSource>& sources, std::size_t o);

/// [out_channels][columns]: the weights of all operands, not rounded.
std::vector<double> scaled_weights(const plan::RealLayer& layer, const std::vector<IntegerSource>& sources,
                                   const std::vector<double>& factor);

/// [out_channels][columns]: which integers are to be zero: what shortcuts have beside their diagonals, so that they
/// stay ones (plan::is_diagonal).
std::vector<bool> structural_zeros(const plan::RealLayer& layer);

/// Fills the layer with integers, [out_channels][columns]. Rows beyond the limits of the product (compensation may
/// enlarge weights) take the `exact` weights rounded.
void set_weights(const std::vector<double>& integers, const std::vector<double>& exact, plan::Layer& layer);

/// Takes what rounding adds to each output on average, tap by tap, out of the layer's bias and borders. `divisor`: of
/// the sums that the weights give, to come to the bias's units.
void take_back_excess(const plan::RealLayer& real, const std::vector<IntegerSource>& sources,
                      const std::vector<double>& factor, double divisor, plan::Layer& layer);

/// A square layer as it has been rounded, in real units. `prime`: what its sums are divided by.
plan::RealLayer rounded_layer(const plan::RealLayer& real, const std::vector<IntegerSource>& sources,
                              const std::vector<double>& factor, double prime, const plan::Layer& layer);

}  // namespace obscura::compiler
