#pragma once

#include <cstdint>
#include <vector>

#include "plan/plan.hpp"

/// Exact integer evaluation of a plan, for tests on toy sizes: what encrypted inference computes if rescaling rounded
/// perfectly and nothing else added noise.
namespace obscura::plan {

struct ExactTrace {
    /// Of every layer [out_channels][height*width]: z for Finish::square, the sums for Finish::none and Finish::head.
    std::vector<std::vector<double>> values;
    std::vector<double> scores;  ///< [classes]
};

/// `input` holds the integers in the slots, [channels][height*width]. Sums are 128-bit integers;
/// z = round(sum / q) + round(bias) + round(shift of each border), halves away from zero.
ExactTrace evaluate_exactly(const Plan& plan, const std::vector<std::int64_t>& input);

/// The integers of an 8-bit image (channels interleaved, as in io::Images).
std::vector<std::int64_t> encode_exactly(const InputEncoding& input, const std::uint8_t* pixels);

}  // namespace obscura::plan
