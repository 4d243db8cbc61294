#include "compiler/adversary.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "compiler/peak_gradient.hpp"
#include "compiler/value_range.hpp"
#include "plan/carried_range.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr int steps = 20;
constexpr double first_step = 16;
constexpr double last_step = 4;
/// Images that are worked on at once; their layers' values are kept.
constexpr int chunk = 16;

class Search {
  public:
    Search(const plan::Plan& plan, ThreadPool& pool)
        : network_(plan::real_network(plan)), plain_(network_), gradient_(network_), pool_(pool) {
        for (const plan::Layer& layer : plan.layers) limit_bits_.push_back(plan::limit_bits(plan, layer));
        scale_ = plan.layers.back().output_scale;
    }

    /// Replaces the images by the worst found.
    void run(io::Images& images) {
        io::Images current = images;
        const std::size_t bytes = images.pixels.size() / static_cast<std::size_t>(images.count);
        std::vector<double> best(static_cast<std::size_t>(images.count), -INFINITY);
        for (int step = 0; step <= steps; ++step) {
            evaluate(current);
            const double size = first_step + (last_step - first_step) * step / steps;
            pool_.parallel_for(images.count, [&](std::int64_t i, int) {
                const auto image = static_cast<std::size_t>(i);
                std::uint8_t* pixels = current.pixels.data() + image * bytes;
                const double use = use_bits(image);
                if (use > best[image]) {
                    best[image] = use;
                    std::copy_n(pixels, bytes, images.pixels.data() + image * bytes);
                }
                if (step < steps && std::isfinite(use)) ascend(image, static_cast<int>(std::lround(size)), pixels);
            });
        }
    }

  private:
    std::span<const float> scores(std::size_t image) const {
        const auto classes = static_cast<std::size_t>(plain_.classes());
        return {scores_.data() + image * classes, classes};
    }

    void evaluate(const io::Images& images) {
        values_.assign(static_cast<std::size_t>(images.count), std::vector<std::vector<float>>(network_.layers.size()));
        scores_ = plain_.scores(images, pool_, [&](int image, int, int layer, std::span<float> z) {
            values_[static_cast<std::size_t>(image)][static_cast<std::size_t>(layer)].assign(z.begin(), z.end());
        });
    }

    /// log2 of the largest |value| / limit; infinite if some value is beyond float32.
    double use_bits(std::size_t image) const {
        double bits = -INFINITY;
        const auto add = [&](double value, std::size_t layer) {
            bits = std::max(bits, std::isfinite(value) ? std::log2(std::abs(value)) - limit_bits_[layer] : INFINITY);
        };
        for (std::size_t i = 0; i + 1 < network_.layers.size(); ++i)
            for (const float value : values_[image][i]) add(value, i);
        const auto found = scores(image);
        for (std::size_t o = 0; o < found.size(); ++o)
            add((found[o] - network_.layers.back().bias[o]) * scale_[o], network_.layers.size() - 1);
        return bits;
    }

    void ascend(std::size_t image, int size, std::uint8_t* pixels) const {
        const std::vector<float> gradient = gradient_.at(values_[image], scores(image));
        const auto channels = static_cast<std::size_t>(network_.input.channels);
        const std::size_t count = gradient.size() / channels;
        for (std::size_t p = 0; p < count; ++p)
            for (std::size_t c = 0; c < channels; ++c) {
                const float slope = gradient[c * count + p];
                const int direction = slope > 0 ? 1 : slope < 0 ? -1 : 0;
                std::uint8_t& pixel = pixels[p * channels + c];
                pixel = static_cast<std::uint8_t>(std::clamp(pixel + direction * size, 0, 255));
            }
    }

    const plan::RealNetwork network_;
    const plan::PlainNetwork plain_;
    const PeakGradient gradient_;
    ThreadPool& pool_;
    std::vector<double> limit_bits_;                       ///< [layer]
    std::vector<double> scale_;                            ///< [class]
    std::vector<std::vector<std::vector<float>>> values_;  ///< [image][layer]
    std::vector<float> scores_;                            ///< [image * classes]
};

}  // namespace

io::Images worst_images(const plan::Plan& plan, const io::Images& start, ThreadPool& pool, Progress& progress) {
    Search search(plan, pool);
    io::Images result = start;
    result.pixels.clear();
    for (int first = 0; first < start.count; first += chunk) {
        if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
        progress.update(first, start.count, "seeking images of large values");
        io::Images some = io::slice(start, first, std::min(chunk, start.count - first));
        search.run(some);
        result.pixels.insert(result.pixels.end(), some.pixels.begin(), some.pixels.end());
    }
    return result;
}

}  // namespace obscura::compiler
