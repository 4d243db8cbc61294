#include "compiler/prediction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/calibration.hpp"
#include "compiler/value_range.hpp"
#include "plan/noise.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr int noise_images = 64;
constexpr std::uint64_t noise_seed = 1;

/// Largest |value| and sum of squares of each layer. One accumulator an image: by worker, sums would depend on which
/// worker had which image, and so would the plan.
struct Extremes {
    explicit Extremes(std::size_t layers) : peak(layers), squares(layers), count(layers) {}
    std::vector<double> peak;
    std::vector<double> squares;
    std::vector<double> count;

    void add(std::size_t layer, double value) {
        peak[layer] = std::max(peak[layer], std::isfinite(value) ? std::abs(value) : HUGE_VAL);
        squares[layer] += value * value;
        count[layer] += 1;
    }
};

}  // namespace

void record_peaks(plan::Plan& plan, const io::Images& images, ThreadPool& pool) {
    const std::size_t layers = plan.layers.size();
    const plan::PlainNetwork network(plan::real_network(plan));
    std::vector<Extremes> extremes(static_cast<std::size_t>(images.count), Extremes(layers));
    const auto hook = [&](int image, int, int layer, std::span<float> z) {
        for (const float value : z)
            extremes[static_cast<std::size_t>(image)].add(static_cast<std::size_t>(layer), value);
    };
    const plan::Layer& head = plan.layers.back();
    run_tiles(plan, network, images, pool, hook, [&](std::span<const float> scores) {
        for (std::size_t i = 0; i < scores.size(); ++i) {
            const std::size_t o = i % head.bias.size();
            extremes.front().add(layers - 1, (scores[i] - head.bias[o]) * head.output_scale[o]);
        }
    });
    plan.calibration_headroom_bits = std::numeric_limits<double>::max();
    for (std::size_t i = 0; i < layers; ++i) {
        plan::Layer& layer = plan.layers[i];
        double squares = 0;
        double count = 0;
        layer.peak = 0;
        for (const Extremes& image : extremes) {
            layer.peak = std::max(layer.peak, image.peak[i]);
            squares += image.squares[i];
            count += image.count[i];
        }
        layer.rms = count > 0 ? std::sqrt(squares / count) : 0;
        plan.calibration_headroom_bits = std::min(plan.calibration_headroom_bits, headroom_bits(plan, layer));
    }
}

void predict_noise(plan::Plan& plan, const io::Images& images, ThreadPool& pool) {
    const io::Images sample = first_images(images, noise_images);
    const std::size_t layers = plan.layers.size();
    const auto count = static_cast<std::size_t>(sample.count);
    const plan::PlainNetwork network(plan::real_network(plan));
    std::vector<std::vector<float>> clean(count * layers);
    const auto at = [&](int image, int layer) {
        return static_cast<std::size_t>(image) * layers + static_cast<std::size_t>(layer);
    };
    const std::vector<float> scores = network.scores(sample, pool, [&](int image, int, int layer, std::span<float> z) {
        clean[at(image, layer)].assign(z.begin(), z.end());
    });
    std::vector<Extremes> errors(count, Extremes(layers));
    const plan::LayerHook noise = plan::noise_hook(plan, noise_seed);
    const std::vector<float> noisy =
        network.scores(sample, pool, [&](int image, int worker, int layer, std::span<float> z) {
            noise(image, worker, layer, z);
            const std::vector<float>& exact = clean[at(image, layer)];
            for (std::size_t i = 0; i < z.size(); ++i)
                errors[static_cast<std::size_t>(image)].add(static_cast<std::size_t>(layer), z[i] - exact[i]);
        });
    Extremes score(1);
    for (std::size_t i = 0; i < scores.size(); ++i) score.add(0, noisy[i] - scores[i]);
    plan.predicted_score_error_rms = std::sqrt(score.squares[0] / score.count[0]);
    plan.predicted_score_error_max = score.peak[0];
    for (std::size_t i = 0; i < layers; ++i) {
        double squares = 0;
        double total = 0;
        for (const Extremes& image : errors) {
            squares += image.squares[i];
            total += image.count[i];
        }
        if (total > 0) plan.layers[i].predicted_error = std::sqrt(squares / total);
    }
    plan::Layer& head = plan.layers.back();
    head.predicted_error = plan.predicted_score_error_rms * head.output_scale.front();
}

}  // namespace obscura::compiler
