#include "plan/noise.hpp"

#include <cmath>

namespace obscura::plan {
namespace {

/// SplitMix64 (Steele, Lea and Flood 2014): fast, and good enough for simulated noise.
std::uint64_t next_random(std::uint64_t& state) {
    std::uint64_t x = state += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/// Sum of the eight bytes of a random word: a Gaussian to within simulation needs, cut off at 4.9 deviations.
float byte_sum(std::uint64_t word) {
    constexpr std::uint64_t even_bytes = 0x00ff00ff00ff00ffU;
    const std::uint64_t pairs = (word & even_bytes) + ((word >> 8) & even_bytes);
    return static_cast<float>((pairs * 0x0001000100010001U) >> 48);
}

constexpr float byte_sum_mean = 8 * 127.5F;
/// sqrt(8 * (256^2 - 1) / 12)
constexpr float byte_sum_deviation = 209.021F;

}  // namespace

double rescale_noise(int log_degree) {
    const double degree = std::ldexp(1.0, log_degree);
    return std::sqrt(degree / 6) * std::sqrt(4 * degree / 3);
}

double fresh_noise(int log_degree) {
    return 3.2 * std::sqrt(2 * std::ldexp(1.0, log_degree));
}

double layer_noise(const Plan& plan, std::size_t layer) {
    return rescale_noise(plan.segments[plan.reading_segment(layer)].parameters.log_degree);
}

LayerHook noise_hook(const Plan& plan, std::uint64_t seed) {
    std::vector<float> scales;  // [layer]
    for (std::size_t i = 0; i < plan.layers.size(); ++i)
        scales.push_back(plan.layers[i].finish == Finish::square
                             ? static_cast<float>(layer_noise(plan, i)) / byte_sum_deviation
                             : 0);
    return [scales, seed](int image, int /*worker*/, int layer, std::span<float> z) {
        const float scale = scales[static_cast<std::size_t>(layer)];
        if (scale == 0) return;
        std::uint64_t state = seed;
        state = next_random(state) ^ static_cast<std::uint64_t>(image);
        state = next_random(state) ^ static_cast<std::uint64_t>(layer);
        for (float& value : z) value += scale * (byte_sum(next_random(state)) - byte_sum_mean);
    };
}

}  // namespace obscura::plan
