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

/// Every cell of the layout takes the pixels of the cell so many further on, cyclically.
io::Images moved(const io::Images& images, const plan::Layout& layout, int cells) {
    io::Images result = images;
    const auto channels = static_cast<std::size_t>(images.channels);
    const std::size_t bytes = channels * static_cast<std::size_t>(layout.pixels());
    for (int cell = 0; cell < layout.valid_tiles(); ++cell)
        for (int column = 0; column < layout.columns(); ++column) {
            const int pixel = layout.pixel((cell + cells) % layout.valid_tiles(), column);
            const auto from = static_cast<std::size_t>(pixel) * channels,
                       to = static_cast<std::size_t>(layout.pixel(cell, column)) * channels;
            for (std::size_t image = 0; image < static_cast<std::size_t>(images.count); ++image)
                std::copy_n(images.pixels.data() + image * bytes + from, channels,
                            result.pixels.data() + image * bytes + to);
        }
    return result;
}

}  // namespace

double limit_bits(const plan::Plan& plan, const plan::Layer& layer) {
    if (layer.finish == plan::Finish::none) return std::numeric_limits<double>::infinity();
    double modulus_bits = 0;
    for (int i = 0; i < layer.output_level(); ++i)
        modulus_bits += std::log2(plan.parameters().chain[static_cast<std::size_t>(i)]);
    return layer.finish == plan::Finish::head ? modulus_bits - 1 : (modulus_bits - 1) / 2;
}

double headroom_bits(const plan::Plan& plan, const plan::Layer& layer) {
    const double limit = limit_bits(plan, layer);
    return std::isfinite(limit) ? limit - std::log2(layer.peak) : limit;
}

std::vector<io::Images> tile_images(const plan::Plan& plan, const io::Images& images) {
    int gap = 1;
    const std::vector<plan::Layout> layouts = plan::layouts(plan);
    for (const plan::Layout& layout : layouts) gap = std::max(gap, layout.gap);
    const plan::Layout& input = layouts.front();
    std::vector<io::Images> result{images};
    // Idle tiles compute images moved by whole cells: by as many as there are idle tiles, or after several merging
    // layers by other numbers, for which these stand in. Cells shorter than a row would move them by few pixels: rows
    // stand in for that.
    const int cells = input.cell.height == 1 ? input.cells_across() : 1;
    for (int tile = 1; tile < gap && tile * cells < input.valid_tiles(); ++tile)
        result.push_back(moved(images, input, tile * cells));
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
