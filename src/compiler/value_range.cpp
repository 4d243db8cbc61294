#include "compiler/value_range.hpp"

#include <algorithm>
#include <cmath>

#include "compiler/calibration.hpp"
#include "plan/carried_range.hpp"
#include "plan/idle_moves.hpp"

namespace obscura::compiler {
namespace {

double magnitude(double value) {
    return std::isfinite(value) ? std::abs(value) : HUGE_VAL;
}

/// The images with their pixels moved as those of the input's map.
io::Images moved(const io::Images& images, const plan::Layout& layout, int cells) {
    io::Images result = images;
    const auto pixels = static_cast<std::size_t>(layout.pixels()), channels = static_cast<std::size_t>(images.channels);
    std::vector<float> planes(channels * pixels);
    for (std::size_t image = 0; image < static_cast<std::size_t>(images.count); ++image) {
        std::uint8_t* const bytes = result.pixels.data() + image * channels * pixels;
        for (std::size_t c = 0; c < channels; ++c)
            for (std::size_t p = 0; p < pixels; ++p) planes[c * pixels + p] = bytes[p * channels + c];
        plan::move_cells(layout, cells, planes);
        for (std::size_t c = 0; c < channels; ++c)
            for (std::size_t p = 0; p < pixels; ++p)
                bytes[p * channels + c] = static_cast<std::uint8_t>(planes[c * pixels + p]);
    }
    return result;
}

}  // namespace

double headroom_bits(const plan::Plan& plan, const plan::Layer& layer) {
    const double limit = limit_bits(plan, layer);
    return std::isfinite(limit) ? limit - std::log2(layer.peak) : limit;
}

void run_tiles(const plan::Plan& plan, const plan::PlainNetwork& network, const io::Images& images, ThreadPool& pool,
               const plan::LayerHook& hook, const std::function<void(std::span<const float>)>& take_scores) {
    const std::vector<plan::Layout> layouts = plan::layouts(plan);
    for (const plan::IdleMove& move : plan::idle_moves(plan)) {
        const auto moving = [&](int image, int worker, int layer, std::span<float> z) {
            const auto map = static_cast<std::size_t>(layer) + 1;
            plan::move_cells(layouts[map], move.cells[map], z);
            hook(image, worker, layer, z);
        };
        const int cells = move.cells.front();
        take_scores(cells == 0 ? network.scores(images, pool, moving)
                               : network.scores(moved(images, layouts.front(), cells), pool, moving));
    }
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
    run_tiles(plan, network, images, pool, hook, [&](std::span<const float> scores) {
        for (std::size_t i = 0; i < scores.size(); ++i) {
            double& peak = peaks[i / classes].back();
            const std::size_t o = i % classes;
            peak = std::max(peak, magnitude((scores[i] - head.bias[o]) * head.output_scale[o]));
        }
    });
    return peaks;
}

}  // namespace obscura::compiler
