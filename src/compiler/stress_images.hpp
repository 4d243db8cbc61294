#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/images.hpp"
#include "plan/plan.hpp"

/// Images made to push a network out of its range: what a careless or curious user may send. The families, their names
/// and their definitions are those of obscura_train's stress report (python/obscura_train/data/stress_images.py), so
/// that figures can be compared; the random numbers differ.
namespace obscura::compiler {

struct StressFamily {
    std::string name;
    io::Images images;
};

/// "real", "rolled by +1 rows" .. "+3 rows" and "extreme contrast" (of at most `count` real images), if there are real
/// images; then "constant", "uniform noise", "binary noise", "gaussian noise", "blocks" and "stripes", `count` of each.
/// Deterministic for a seed. Throws Error(format) if the real images are not of the input's shape.
std::vector<StressFamily> stress_families(const plan::InputEncoding& input, const io::Images& real, int count,
                                          std::uint64_t seed);

}  // namespace obscura::compiler
