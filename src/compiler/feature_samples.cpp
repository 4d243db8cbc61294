#include "compiler/feature_samples.hpp"

#include <algorithm>
#include <cassert>
#include <random>

#include "compiler/calibration.hpp"
#include "compiler/source_pixels.hpp"
#include "plan/matrix_product.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr unsigned seed = 1;
constexpr std::size_t samples_per_column = 24;
constexpr std::size_t least_samples = 4096;
constexpr std::size_t most_samples = 16384;

plan::PackedMatrix packed(const plan::RealLayer& layer) {
    std::vector<plan::PackedMatrix::Part> parts;
    for (const plan::RealOperand& operand : layer.operands)
        parts.push_back({operand.taps.size() * static_cast<std::size_t>(operand.channels), operand.weights});
    return {layer.out_channels, parts};
}

/// For each operand and tap in turn, what source_pixels gives.
std::vector<std::vector<int>> places(const plan::RealLayer& layer) {
    std::vector<std::vector<int>> result;
    for (const plan::RealOperand& operand : layer.operands)
        for (const plan::Tap tap : operand.taps) result.push_back(source_pixels(layer, operand, tap));
    return result;
}

}  // namespace

std::size_t column_count(const plan::RealLayer& layer) {
    std::size_t count = 0;
    for (const plan::RealOperand& operand : layer.operands)
        count += operand.taps.size() * static_cast<std::size_t>(operand.channels);
    return count;
}

int usual_samples(std::size_t columns) {
    return static_cast<int>(std::clamp(samples_per_column * columns, least_samples, most_samples));
}

FeatureSamples::FeatureSamples(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool)
    : network_(network), pool_(pool), images_(static_cast<std::size_t>(images.count)) {
    last_reader_.assign(network.layers.size() + 1, -1);
    for (std::size_t i = 0; i < network.layers.size(); ++i)
        for (const plan::RealOperand& operand : network.layers[i].operands)
            last_reader_[static_cast<std::size_t>(operand.source + 1)] = static_cast<int>(i);
    exact_.emplace_back();
    for (std::size_t i = 0; i < images_; ++i) exact_.front().push_back(encoded(network.input, images, i));
    rounded_ = exact_;
}

FeatureSamples::Columns FeatureSamples::columns(int layer, int samples) const {
    const plan::RealLayer& reader = network_.layers[static_cast<std::size_t>(layer)];
    const int pixels = reader.height * reader.width;
    const int each = std::clamp(samples / static_cast<int>(images_), 1, pixels);
    std::mt19937 random(seed);
    Columns result;
    for (std::size_t image = 0; image < images_; ++image)
        for (int i = 0; i < each; ++i) {
            const int p = each == pixels ? i : static_cast<int>(random() % static_cast<unsigned>(pixels));
            for (const plan::RealOperand& operand : reader.operands) {
                const auto source = static_cast<std::size_t>(operand.source + 1);
                const std::vector<float>& exact = exact_[source][image];
                const std::vector<float>& rounded = rounded_[source][image];
                const auto size = exact.size() / static_cast<std::size_t>(operand.channels);
                for (const plan::Tap tap : operand.taps)
                    for (auto k = static_cast<std::size_t>(source_pixel(reader, operand, tap, p)); k < exact.size();
                         k += size) {
                        result.exact.push_back(exact[k]);
                        result.rounded.push_back(rounded[k]);
                    }
            }
        }
    return result;
}

void FeatureSamples::advance(int layer, const plan::RealLayer& rounded) {
    assert(exact_.size() == static_cast<std::size_t>(layer) + 1);
    exact_.push_back(apply(network_.layers[static_cast<std::size_t>(layer)], exact_));
    rounded_.push_back(apply(rounded, rounded_));
    forget_unread(layer);
}

void FeatureSamples::advance(int layer) {
    assert(exact_.size() == static_cast<std::size_t>(layer) + 1);
    exact_.push_back(apply(network_.layers[static_cast<std::size_t>(layer)], exact_));
    rounded_.push_back(exact_.back());
    forget_unread(layer);
}

void FeatureSamples::forget_unread(int layer) {
    for (std::size_t i = 0; i <= static_cast<std::size_t>(layer); ++i)
        if (last_reader_[i] <= layer) exact_[i] = rounded_[i] = {};
}

FeatureSamples::Tensor FeatureSamples::apply(const plan::RealLayer& layer, const std::vector<Tensor>& tensors) const {
    assert(layer.finish != plan::Finish::head);
    const plan::PackedMatrix matrix = packed(layer);
    const std::vector<std::vector<int>> sources = places(layer);
    const auto pixels = static_cast<std::size_t>(layer.height * layer.width);
    std::vector<std::vector<int>> outside;
    for (const plan::Border& border : layer.borders)
        outside.push_back(plan::outside_pixels(border.tap, border.stride, layer.height, layer.width));
    Tensor result(images_);
    pool_.parallel_for(static_cast<std::int64_t>(images_), [&](std::int64_t i, int) {
        const auto image = static_cast<std::size_t>(i);
        std::vector<float> gathered(matrix.columns() * pixels);
        std::vector<const float*> rows;
        std::size_t list = 0;
        for (const plan::RealOperand& operand : layer.operands) {
            const std::vector<float>& u = tensors[static_cast<std::size_t>(operand.source + 1)][image];
            const std::size_t size = u.size() / static_cast<std::size_t>(operand.channels);
            for (std::size_t tap = 0; tap < operand.taps.size(); ++tap, ++list)
                for (const float* channel = u.data(); channel != u.data() + u.size(); channel += size) {
                    float* row = gathered.data() + rows.size() * pixels;
                    rows.push_back(row);
                    for (std::size_t p = 0; p < pixels; ++p)
                        row[p] = sources[list][p] < 0 ? 0 : channel[sources[list][p]];
                }
        }
        std::vector<float>& z = result[image];
        z.resize(static_cast<std::size_t>(layer.out_channels) * pixels);
        plan::multiply(matrix, rows, static_cast<int>(pixels), layer.bias, z);
        for (std::size_t b = 0; b < layer.borders.size(); ++b)
            for (std::size_t o = 0; o < layer.borders[b].shift.size(); ++o)
                for (const int p : outside[b])
                    z[o * pixels + static_cast<std::size_t>(p)] += static_cast<float>(layer.borders[b].shift[o]);
        if (layer.finish == plan::Finish::square)
            for (float& value : z) value *= value;
    });
    return result;
}

std::vector<double> FeatureSamples::drift(int layer) const {
    const auto tensor = static_cast<std::size_t>(layer + 1);
    const int channels = layer < 0 ? network_.input.channels : network_.layers[tensor - 1].out_channels;
    std::vector<double> result(static_cast<std::size_t>(channels));
    const std::size_t pixels = exact_[tensor].front().size() / result.size();
    for (std::size_t image = 0; image < images_; ++image)
        for (std::size_t c = 0; c < result.size(); ++c)
            for (std::size_t k = c * pixels; k < (c + 1) * pixels; ++k)
                result[c] += static_cast<double>(rounded_[tensor][image][k]) - exact_[tensor][image][k];
    for (double& sum : result) sum /= static_cast<double>(images_ * pixels);
    return result;
}

}  // namespace obscura::compiler
