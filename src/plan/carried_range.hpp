#pragma once

#include "plan/plan.hpp"

namespace obscura::plan {

/// log2 of the largest |z| that a layer is certain to carry: sqrt(Q/2) before a square, Q/2 for a head's sum, Q at the
/// level of the layer's output. Infinite for other layers.
///
/// Coefficients are residues modulo Q, centred around zero, and stay below Q/2 as long as all values in the slots do.
double limit_bits(const Plan& plan, const Layer& layer);

}  // namespace obscura::plan
