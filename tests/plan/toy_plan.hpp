#pragma once

#include <cstdint>

#include "plan/layout.hpp"
#include "plan/plan.hpp"
#include "ring/primes.hpp"

namespace obscura::plan::testing {

/// A convolution's operand with small weights that depend on the seed only.
inline Operand toy_operand(int source, int channels, int out_channels, int stride, std::vector<Tap> taps,
                           unsigned seed) {
    Operand operand{source, channels, stride, std::move(taps), {}};
    const std::size_t count = static_cast<std::size_t>(out_channels * channels) * operand.taps.size();
    for (std::size_t i = 0; i < count; ++i) {
        seed = seed * 1664525U + 1013904223U;
        operand.weights.push_back(static_cast<std::int16_t>(static_cast<int>(seed >> 24) - 128));
    }
    return operand;
}

/// A small valid plan: 8x8 images in rows, N = 2^10 (insecure), two square layers with a strided shortcut, a head.
inline Plan toy_plan() {
    const std::vector<Tap> square{{-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 0}, {0, 1}, {1, -1}, {1, 0}, {1, 1}};
    Plan plan;
    plan.model = "toy";
    plan.segments.front().parameters.log_degree = 10;
    plan.segments.front().parameters.insecure_for_tests = true;
    const auto primes = ring::ntt_primes(10, 6);
    plan.segments.front().parameters.special = {primes[0], primes[1]};
    plan.segments.front().parameters.chain = {primes[2], primes[3], primes[4], primes[5]};
    plan.segments.front().parameters.digit_limbs = 2;
    plan.cell = {1, 8};
    plan.input = {1, 8, 8, {127.5}, {0x1p38}};
    plan.layers.push_back({"first",
                           Finish::square,
                           2,
                           8,
                           8,
                           4,
                           0,
                           false,
                           {toy_operand(-1, 1, 2, 1, square, 1)},
                           {1000, -2000},
                           {},
                           {1e6, 2e6}});
    plan.layers.push_back({"second",
                           Finish::square,
                           3,
                           4,
                           4,
                           3,
                           0,
                           false,
                           {toy_operand(0, 2, 3, 2, square, 2), toy_operand(-1, 1, 3, 2, {{0, 0}}, 3)},
                           {3000, 0, 12.5},
                           {},
                           {1e6, 1e6, 1e6}});
    plan.layers.push_back({"head",
                           Finish::head,
                           2,
                           4,
                           4,
                           2,
                           0,
                           false,
                           {toy_operand(1, 3, 2, 1, {{0, 0}}, 4)},
                           {0.5, -0.25},
                           {},
                           {1e13, 1e13}});
    plan.segments.front().relinearisation_level = 3;
    plan.segments.front().rotation_keys = required_rotations(plan, 0);
    plan.class_names = {"cat", "dog"};
    return plan;
}

/// The same with zero padding and a border, in a layout that needs no masks: an image a tile.
inline Plan zero_padded_plan() {
    Plan plan = toy_plan();
    plan.cell = {8, 8};
    for (Layer& layer : plan.layers)
        for (Operand& operand : layer.operands)
            if (operand.taps.size() > 1) operand.padding = Padding::zeros;
    plan.layers[0].borders = {{1, {-1, 0}, {400, -700}}, {1, {1, 1}, {0, 30}}};
    plan.layers[1].borders = {{2, {-1, -1}, {5, 6, 7}}};
    plan.segments.front().rotation_keys = required_rotations(plan, 0);
    plan.cyclic_twin = {10, 4, 150, {{8, 8}, 1024, 1.5, 1000, 2000}};
    return plan;
}

}  // namespace obscura::plan::testing
