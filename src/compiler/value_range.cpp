#include "compiler/value_range.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/calibration.hpp"
#include "plan/layout.hpp"

namespace obscura::compiler {
namespace {

double magnitude(double value) {
    return std::isfinite(value) ? std::abs(value) : HUGE_VAL;
}

}  // namespace

double limit_bits(const plan::Plan& plan, const plan::Layer& layer) {
    if (layer.finish == plan::Finish::none) return std::numeric_limits<double>::infinity();
    double modulus_bits = 0;
    for (int i = 0; i < layer.output_level(); ++i)
        modulus_bits += std::log2(plan.parameters.chain[static_cast<std::size_t>(i)]);
    return layer.finish == plan::Finish::head ? modulus_bits - 1 : (modulus_bits - 1) / 2;
}

double headroom_bits(const plan::Plan& plan, const plan::Layer& layer) {
    const double limit = limit_bits(plan, layer);
    return std::isfinite(limit) ? limit - std::log2(layer.peak) : limit;
}

std::vector<io::Images> tile_images(const plan::Plan& plan, const io::Images& images) {
    int gap = 1;
    for (const plan::Layout& layout : plan::layouts(plan)) gap = std::max(gap, layout.gap);
    // Idle tiles compute moved images: by whole rows where a run is a row or more. Shorter runs move them by pixels,
    // for which rows stand in.
    const int rows = std::max(1, plan.run_length / plan.input.width);
    std::vector<io::Images> result{images};
    // A roll by the whole height is none.
    for (int tile = 1; tile < gap && tile * rows < images.height; ++tile) result.push_back(rolled(images, tile * rows));
    return result;
}

std::vector<std::vector<double>> image_peaks(const plan::Plan& plan, const plan::PlainNetwork& network,
                                             const io::Images& images, ThreadPool& pool) {
    std::vector<std::vector<double>> peaks(static_cast<std::size_t>(images.count),
                                           std::vector<double>(plan.layers.size()));
    const auto hook = [&](int image, int, int layer, std::span<float> z) {
        double& peak = peaks[static_cast<std::size_t>(image)][static_cast<std::size_t>(layer)];
        for (const float value : z) peak = std::max(peak, magnitude(value));
    };
    const plan::Layer& head = plan.layers.back();
    const std::size_t classes = head.bias.size();
    for (const io::Images& moved : tile_images(plan, images)) {
        const std::vector<float> scores = network.scores(moved, pool, hook);
        for (std::size_t i = 0; i < scores.size(); ++i) {
            double& peak = peaks[i / classes].back();
            const std::size_t o = i % classes;
            peak = std::max(peak, magnitude((scores[i] - head.bias[o]) * head.output_scale[o]));
        }
    }
    return peaks;
}

}  // namespace obscura::compiler
