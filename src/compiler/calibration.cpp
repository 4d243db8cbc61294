#include "compiler/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "compiler/constants.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr double outlier_limit = 64;
/// Stands in for the deviation of a colour that is the same everywhere.
constexpr double smallest_deviation = 1;

/// Sums over the pixels of each image and channel, channels of all layers in a row.
struct ImageSums {
    std::vector<std::size_t> first_channel;  ///< of each layer
    std::size_t channels = 0;
    std::vector<double> mean_square;  ///< [images][channels]
    std::vector<double> peak;         ///< [images][channels]
};

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

std::size_t image_bytes(const io::Images& images) {
    return static_cast<std::size_t>(images.height) * static_cast<std::size_t>(images.width) *
           static_cast<std::size_t>(images.channels);
}

/// Adds what an operand makes of the input's mean to the layer's constants.
void read_mean(const plan::InputEncoding& input, const plan::RealOperand& operand, plan::RealLayer& layer) {
    const auto channels = static_cast<std::size_t>(operand.channels);
    const std::size_t row = operand.taps.size() * channels, outputs = layer.bias.size();
    std::vector<double> bias(outputs, 0.0);
    std::vector<plan::Border> borders;
    const bool head = layer.finish == plan::Finish::head;
    Constants constants{head ? bias : layer.bias, head ? borders : layer.borders};
    for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
        std::vector<double> shift(outputs, 0.0);
        for (std::size_t o = 0; o < outputs; ++o)
            for (std::size_t c = 0; c < channels; ++c)
                shift[o] += operand.weights[o * row + tap * channels + c] * input.mean[c];
        constants.add_inside(operand.padding, operand.stride, operand.taps[tap], shift);
    }
    if (!head) return;
    const auto sums = pixel_sums(bias, borders, layer.height, layer.width);
    for (std::size_t o = 0; o < outputs; ++o) layer.bias[o] += sums[o];
}

std::vector<bool> find_outliers(const ImageSums& sums, std::size_t images) {
    std::vector<bool> outlier(images);
    for (std::size_t c = 0; c < sums.channels; ++c) {
        std::vector<double> column;
        for (std::size_t i = 0; i < images; ++i) {
            const double value = sums.mean_square[i * sums.channels + c];
            column.push_back(std::isfinite(value) ? value : std::numeric_limits<double>::max());
        }
        const double limit = outlier_limit * std::sqrt(median(std::move(column)));
        for (std::size_t i = 0; i < images; ++i) {
            const double peak = sums.peak[i * sums.channels + c];
            if (!std::isfinite(peak) || (limit > 0 && peak >= limit)) outlier[i] = true;
        }
    }
    return outlier;
}

}  // namespace

void normalise_input(plan::RealNetwork& network, const io::Images& images) {
    plan::check_shape(network.input, images);
    const auto channels = static_cast<std::size_t>(network.input.channels);
    std::vector<double> sum(channels);
    std::vector<double> squares(channels);
    for (std::size_t i = 0; i < images.pixels.size(); ++i) {
        const double pixel = images.pixels[i];
        sum[i % channels] += pixel;
        squares[i % channels] += pixel * pixel;
    }
    const std::size_t pixels = images.pixels.size() / channels;
    const auto count = static_cast<double>(pixels);
    for (std::size_t c = 0; c < channels; ++c) {
        const double mean = sum[c] / count;
        network.input.mean[c] = mean;
        network.input.factor[c] =
            1 / std::max(smallest_deviation, std::sqrt(std::max(0.0, squares[c] / count - mean * mean)));
    }
    for (plan::RealLayer& layer : network.layers)
        for (plan::RealOperand& operand : layer.operands) {
            if (operand.source >= 0) continue;
            if (!layer.bias.empty()) read_mean(network.input, operand, layer);
            for (std::size_t k = 0; k < operand.weights.size(); ++k)
                operand.weights[k] /= network.input.factor[k % channels];
        }
}

std::vector<float> encoded(const plan::InputEncoding& input, const io::Images& images, std::size_t image) {
    const auto pixels = static_cast<std::size_t>(input.height * input.width);
    const auto channels = static_cast<std::size_t>(input.channels);
    std::vector<float> result;
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t p = 0; p < pixels; ++p) {
            const double pixel = images.pixels[(image * pixels + p) * channels + c];
            result.push_back(static_cast<float>((pixel - input.mean[c]) * input.factor[c]));
        }
    return result;
}

Statistics measure(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool) {
    const auto count = static_cast<std::size_t>(images.count);
    ImageSums sums;
    for (const plan::RealLayer& layer : network.layers) {
        sums.first_channel.push_back(sums.channels);
        if (layer.finish == plan::Finish::square) sums.channels += static_cast<std::size_t>(layer.out_channels);
    }
    sums.mean_square.resize(count * sums.channels);
    sums.peak.resize(count * sums.channels);
    const auto record = [&](int image, int, int layer, std::span<float> z) {
        const auto index = static_cast<std::size_t>(layer);
        if (network.layers[index].finish != plan::Finish::square) return;
        const std::size_t first = static_cast<std::size_t>(image) * sums.channels + sums.first_channel[index];
        const auto channels = static_cast<std::size_t>(network.layers[index].out_channels);
        const std::size_t pixels = z.size() / channels;
        for (std::size_t c = 0; c < channels; ++c) {
            double squares = 0;
            float peak = 0;
            for (const float value : z.subspan(c * pixels, pixels)) {
                squares += static_cast<double>(value) * value;
                peak = std::max(peak, std::abs(value));
            }
            sums.mean_square[first + c] = squares / static_cast<double>(pixels);
            sums.peak[first + c] = peak;
        }
    };
    const plan::PlainNetwork plain(network);
    const std::vector<float> scores = plain.scores(images, pool, record);

    Statistics result;
    result.outlier = find_outliers(sums, count);
    const auto outliers = static_cast<int>(std::count(result.outlier.begin(), result.outlier.end(), true));
    result.images = images.count - outliers;
    if (outliers * 10 > images.count)
        throw Error(
            ErrorCode::range,
            fmt::format("{} of {} calibration images have values more than {} times the usual size: the network "
                        "is not stable; train it with a penalty on large pre-activations",
                        outliers, images.count, outlier_limit));
    const auto classes = static_cast<std::size_t>(plain.classes());
    result.largest_score.assign(classes, 0.0);
    std::vector<double> mean_square(sums.channels);
    for (std::size_t i = 0; i < count; ++i) {
        if (result.outlier[i]) continue;
        for (std::size_t c = 0; c < sums.channels; ++c)
            mean_square[c] += sums.mean_square[i * sums.channels + c] / result.images;
        for (std::size_t o = 0; o < classes; ++o)
            result.largest_score[o] =
                std::max(result.largest_score[o], std::abs(scores[i * classes + o] - network.layers.back().bias[o]));
    }
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        LayerStatistics layer;
        if (network.layers[i].finish == plan::Finish::square) {
            const auto first = mean_square.begin() + static_cast<std::ptrdiff_t>(sums.first_channel[i]);
            layer.mean_square.assign(first, first + network.layers[i].out_channels);
        }
        result.layers.push_back(std::move(layer));
    }
    return result;
}

io::Images rolled(const io::Images& images, int rows) {
    io::Images result = images;
    const std::size_t bytes = image_bytes(images);
    const auto shift = static_cast<std::ptrdiff_t>(bytes / static_cast<std::size_t>(images.height)) * rows;
    for (std::size_t i = 0; i < static_cast<std::size_t>(images.count); ++i) {
        const auto first = result.pixels.begin() + static_cast<std::ptrdiff_t>(i * bytes);
        std::rotate(first, first + shift, first + static_cast<std::ptrdiff_t>(bytes));
    }
    return result;
}

io::Images typical_images(const io::Images& images, const Statistics& statistics, int count) {
    io::Images result = images;
    result.count = 0;
    result.pixels.clear();
    result.labels.clear();
    const auto bytes = static_cast<std::ptrdiff_t>(image_bytes(images));
    for (std::ptrdiff_t i = 0; i < images.count && result.count < count; ++i) {
        if (statistics.outlier[static_cast<std::size_t>(i)]) continue;
        result.pixels.insert(result.pixels.end(), images.pixels.begin() + i * bytes,
                             images.pixels.begin() + (i + 1) * bytes);
        if (!images.labels.empty()) result.labels.push_back(images.labels[static_cast<std::size_t>(i)]);
        ++result.count;
    }
    return result;
}

io::Images first_images(const io::Images& images, int count) {
    io::Images result = images;
    result.count = std::min(count, images.count);
    result.pixels.resize(static_cast<std::size_t>(result.count) * image_bytes(images));
    if (!result.labels.empty()) result.labels.resize(static_cast<std::size_t>(result.count));
    return result;
}

}  // namespace obscura::compiler
