#pragma once

#include <cstring>

#include "plan/product_strip.hpp"

namespace obscura::plan {
namespace {

/// Two vectors of pixels for each of four outputs: eight sums, which registers hold.
template <class Lanes>
void multiply_strip(const float* weights, const float* const* rows, std::size_t columns, int first, float* sums) {
    constexpr int lanes = sizeof(Lanes) / sizeof(float);
    Lanes low[strip_outputs] = {};
    Lanes high[strip_outputs] = {};
    for (std::size_t k = 0; k < columns; ++k) {
        Lanes x0;
        Lanes x1;
        std::memcpy(&x0, rows[k] + first, sizeof x0);
        std::memcpy(&x1, rows[k] + first + lanes, sizeof x1);
        for (int o = 0; o < strip_outputs; ++o) {
            low[o] += weights[o] * x0;
            high[o] += weights[o] * x1;
        }
        weights += strip_outputs;
    }
    for (int o = 0; o < strip_outputs; ++o) {
        std::memcpy(sums + 2 * lanes * o, &low[o], sizeof low[o]);
        std::memcpy(sums + 2 * lanes * o + lanes, &high[o], sizeof high[o]);
    }
}

}  // namespace
}  // namespace obscura::plan
