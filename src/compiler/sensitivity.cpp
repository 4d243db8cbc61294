#include "compiler/sensitivity.hpp"

#include <random>

#include "compiler/back_propagation.hpp"
#include "compiler/calibration.hpp"
#include "compiler/source_pixels.hpp"
#include "plan/matrix_product.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

constexpr unsigned seed = 1;

using Tensor = std::vector<float>;  ///< [channels * height * width]

class Measurement {
  public:
    Measurement(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool)
        : network_(network), propagation_(network), pool_(pool), images_(static_cast<std::size_t>(images.count)) {
        const std::size_t layers = network.layers.size();
        values_.assign(images_, std::vector<Tensor>(layers));
        outputs_.assign(images_, std::vector<Tensor>(layers + 1));
        for (std::size_t i = 0; i < images_; ++i) outputs_[i].front() = encoded(network.input, images, i);
        plan::PlainNetwork(network).scores(images, pool, [&](int image, int, int layer, std::span<float> z) {
            const auto i = static_cast<std::size_t>(image), l = static_cast<std::size_t>(layer);
            values_[i][l].assign(z.begin(), z.end());
            Tensor& output = outputs_[i][l + 1];
            output = values_[i][l];
            if (network.layers[l].finish == plan::Finish::square)
                for (float& value : output) value *= value;
        });
        centre(network.input.channels, 0);
        for (std::size_t l = 0; l + 1 < layers; ++l) centre(network.layers[l].out_channels, l + 1);
    }

    std::vector<LayerSensitivity> run() {
        std::vector<std::vector<LayerSensitivity>> sums(static_cast<std::size_t>(pool_.size()), zeros());
        pool_.parallel_for(static_cast<std::int64_t>(images_), [&](std::int64_t image, int worker) {
            add(static_cast<std::size_t>(image), sums[static_cast<std::size_t>(worker)]);
        });
        std::vector<LayerSensitivity> result = zeros();
        for (const auto& part : sums)
            for (std::size_t l = 0; l < result.size(); ++l) {
                add_mean(part[l].values, result[l].values);
                for (std::size_t i = 0; i < result[l].weights.size(); ++i)
                    add_mean(part[l].weights[i], result[l].weights[i]);
            }
        return result;
    }

  private:
    /// Subtracts each channel's mean over the pixels of all images from what layers read.
    void centre(int channels, std::size_t tensor) {
        const std::size_t pixels = outputs_.front()[tensor].size() / static_cast<std::size_t>(channels);
        for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
            double sum = 0;
            for (const auto& outputs : outputs_)
                for (std::size_t k = c * pixels; k < (c + 1) * pixels; ++k) sum += outputs[tensor][k];
            const auto mean = static_cast<float>(sum / static_cast<double>(images_ * pixels));
            for (auto& outputs : outputs_)
                for (std::size_t k = c * pixels; k < (c + 1) * pixels; ++k) outputs[tensor][k] -= mean;
        }
    }

    std::vector<LayerSensitivity> zeros() const {
        std::vector<LayerSensitivity> result;
        for (const plan::RealLayer& layer : network_.layers) {
            LayerSensitivity& entry = result.emplace_back();
            if (layer.finish == plan::Finish::none) continue;
            const auto channels = static_cast<std::size_t>(layer.out_channels);
            if (layer.finish == plan::Finish::square) entry.values.resize(channels);
            for (const plan::RealOperand& operand : layer.operands)
                entry.weights.emplace_back(channels * static_cast<std::size_t>(operand.channels));
        }
        return result;
    }

    void add_mean(const std::vector<double>& sum, std::vector<double>& result) const {
        for (std::size_t k = 0; k < sum.size(); ++k) result[k] += sum[k] / static_cast<double>(images_);
    }

    void add(std::size_t image, std::vector<LayerSensitivity>& sums) const {
        std::mt19937 random(seed + static_cast<unsigned>(image));
        propagation_.run(values_[image], [&](std::size_t l, std::span<float> gradient) {
            const plan::RealLayer& layer = network_.layers[l];
            const std::size_t pixels = gradient.size() / static_cast<std::size_t>(layer.out_channels);
            if (layer.finish == plan::Finish::head)
                for (std::size_t o = 0; o < gradient.size(); o += pixels) {
                    // signs: the mean square of such a mixture of errors is their sum of squares
                    const float sign = random() % 2 == 0 ? 1.0F : -1.0F;
                    for (std::size_t p = 0; p < pixels; ++p) gradient[o + p] = sign;
                }
            for (std::size_t k = 0; k < gradient.size() && !sums[l].values.empty(); ++k)
                sums[l].values[k / pixels] += static_cast<double>(gradient[k]) * gradient[k];
            if (!sums[l].weights.empty()) add_weights(layer, outputs_[image], gradient, sums[l]);
        });
    }

    /// The gradient by a weight is a sum over pixels of the gradient by z times what the weight reads there.
    static void add_weights(const plan::RealLayer& layer, const std::vector<Tensor>& outputs,
                            std::span<const float> gradient, LayerSensitivity& sums) {
        const auto outs = static_cast<std::size_t>(layer.out_channels);
        const std::size_t pixels = gradient.size() / outs;
        const plan::PackedMatrix matrix(layer.out_channels, {{pixels, {gradient.begin(), gradient.end()}}});
        for (std::size_t i = 0; i < layer.operands.size(); ++i) {
            const plan::RealOperand& operand = layer.operands[i];
            const Tensor& source = outputs[static_cast<std::size_t>(operand.source + 1)];
            const auto channels = static_cast<std::size_t>(operand.channels);
            const std::size_t size = source.size() / channels;
            Tensor turned(source.size() + channels);  // [pixels][channels], and zeros for padding
            for (std::size_t k = 0; k < source.size(); ++k) turned[k % size * channels + k / size] = source[k];
            Tensor product(outs * channels);
            for (const plan::Tap tap : operand.taps) {
                std::vector<const float*> rows;
                for (const int p : source_pixels(layer, operand, tap))
                    rows.push_back(turned.data() + (p < 0 ? size : static_cast<std::size_t>(p)) * channels);
                plan::multiply(matrix, rows, operand.channels, {}, product);
                for (std::size_t k = 0; k < product.size(); ++k)
                    sums.weights[i][k] += static_cast<double>(product[k]) * product[k];
            }
        }
    }

    const plan::RealNetwork& network_;
    const BackPropagation propagation_;
    ThreadPool& pool_;
    std::size_t images_ = 0;
    std::vector<std::vector<Tensor>> values_;   ///< [image][layer] z
    std::vector<std::vector<Tensor>> outputs_;  ///< [image][tensor] u less its mean; 0 is the input
};

}  // namespace

std::vector<LayerSensitivity> measure_sensitivity(const plan::RealNetwork& network, const io::Images& images,
                                                  ThreadPool& pool) {
    return Measurement(network, images, pool).run();
}

}  // namespace obscura::compiler
