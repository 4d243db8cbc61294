#include "plan/carried_range.hpp"

#include <cmath>
#include <limits>

namespace obscura::plan {

double limit_bits(const Plan& plan, const Layer& layer) {
    if (layer.finish == Finish::none) return std::numeric_limits<double>::infinity();
    double modulus_bits = 0;
    for (int i = 0; i < layer.output_level(); ++i)
        modulus_bits += std::log2(plan.parameters().chain[static_cast<std::size_t>(i)]);
    return layer.finish == Finish::head ? modulus_bits - 1 : (modulus_bits - 1) / 2;
}

}  // namespace obscura::plan
