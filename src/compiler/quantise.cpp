#include "compiler/quantise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.hpp"
#include "compiler/constants.hpp"
#include "compiler/integer_layer.hpp"
#include "compiler/rounding.hpp"
#include "compiler/scales.hpp"
#include "plan/noise.hpp"
#include "ring/primes.hpp"

namespace obscura::compiler {
namespace {

using plan::Finish;
using plan::RealLayer;
using plan::RealOperand;

/// Smallest real rms that is scaled up to full size; channels below are dead.
constexpr double smallest_rms = 1e-6;
/// How far scales may be from the usual ones. Larger ones cost head-room; with smaller ones, noise would be no small
/// error of z any more.
constexpr int bits_above = 3;
constexpr int bits_below = 5;
/// Noise counts so many times as much as rounding of the same effect: it is what makes encrypted scores differ from
/// plain ones.
constexpr double noise_weight = 6;
/// That CompileOptions::log_scale has where noise has just this weight; a bit more is a bit less of noise.
constexpr double usual_log_scale = 22;
constexpr double most_head_weight = 255;
/// For one network; an ensemble of M needs 1 / sqrt(M) of it, as the members' rounding errors are independent.
constexpr double least_head_weight = 31;

class Quantiser {
  public:
    Quantiser(const plan::RealNetwork& network, const Statistics& statistics,
              const std::vector<LayerSensitivity>& sensitivity, FeatureSamples& samples, const Design& design,
              const CompileOptions& options, ThreadPool& pool)
        : network_(network),
          statistics_(statistics),
          samples_(samples),
          design_(design),
          options_(options),
          pool_(pool) {
        plan_.segments.front().parameters = design.segments.front().parameters;
        plan_.input = network.input;
        const double scale = std::exp2(2 * options.log_scale);
        for (double& factor : plan_.input.factor) factor *= scale;
        const auto channels = static_cast<std::size_t>(network.input.channels);
        const std::vector<double> none(channels, 0.0);
        sources_.push_back({std::vector<double>(channels, scale), none, none});
        scales_ = balanced_scales(network, sensitivity, scale_terms(), sources_.front().scale);
    }

    plan::Plan run() {
        for (std::size_t i = 0; i < network_.layers.size(); ++i) {
            switch (network_.layers[i].finish) {
                case Finish::square:
                    add_square(i);
                    break;
                case Finish::none:
                    add_integers(i);
                    break;
                case Finish::head:
                    add_head(i);
                    break;
            }
        }
        return std::move(plan_);
    }

  private:
    const IntegerSource& source(const RealOperand& operand) const {
        return sources_[static_cast<std::size_t>(operand.source + 1)];
    }

    plan::Layer start(std::size_t index) const {
        plan::Layer layer = plan::outline(network_.layers[index]);
        layer.level = design_.levels.layers[index];
        layer.merged_run = design_.merging.layers[index];
        layer.masked = design_.merging.masked[index];
        return layer;
    }

    /// Does the head, and nothing else, read this layer (through poolings)?
    bool last_square(std::size_t index) const {
        bool read_by_head = false;
        for (std::size_t i = index + 1; i < network_.layers.size(); ++i) {
            const auto& operands = network_.layers[i].operands;
            if (std::none_of(operands.begin(), operands.end(),
                             [&](const RealOperand& operand) { return operand.source == static_cast<int>(index); }))
                continue;
            const Finish finish = network_.layers[i].finish;
            if (finish == Finish::square || (finish == Finish::none && !last_square(i))) return false;
            read_by_head = true;
        }
        return read_by_head;
    }

    /// log2 of the degree of the smallest ring that ciphertexts of this level are in: where they come to it by
    /// rescaling, that is done there.
    int log_degree_at(int level) const {
        const auto holds = [&](const plan::Segment& segment) {
            return static_cast<int>(segment.parameters.chain.size()) >= level;
        };
        return std::find_if(design_.segments.rbegin(), design_.segments.rend(), holds)->parameters.log_degree;
    }

    double prime_of(const plan::Layer& layer) const {
        return plan_.parameters().chain[static_cast<std::size_t>(layer.rescale_limb())];
    }

    /// Scales may differ from the usual ones, but for the last squares, whose sum has to fit.
    std::vector<ScaleTerms> scale_terms() const {
        std::vector<ScaleTerms> result(network_.layers.size());
        for (std::size_t i = 0; i < result.size(); ++i) {
            if (network_.layers[i].finish != Finish::square) continue;
            const plan::Layer layer = start(i);
            result[i].prime = prime_of(layer);
            // Smaller primes mean fewer bits of weight: scales are to stay as they are.
            const double missing = std::exp2(ring::prime_bits) / result[i].prime;
            result[i].noise = noise_weight * std::exp2(2 * (options_.log_scale - usual_log_scale)) * missing *
                              plan::rescale_noise(log_degree_at(layer.output_level()));
            const bool last = last_square(i);
            const double usual = std::min(options_.log_scale, last ? options_.last_log_scale : HUGE_VAL);
            for (const double square : statistics_.layers[i].mean_square) {
                const double scale = std::exp2(usual) / std::max(smallest_rms, std::sqrt(square));
                result[i].smallest.push_back(last ? scale : std::ldexp(scale, -bits_below));
                result[i].largest.push_back(last ? scale : std::ldexp(scale, bits_above));
            }
        }
        return result;
    }

    void add_square(std::size_t index) {
        const RealLayer& real = network_.layers[index];
        plan::Layer layer = start(index);
        const double prime = prime_of(layer);
        const auto channels = static_cast<std::size_t>(real.out_channels);
        const std::vector<double>& mean_square = statistics_.layers[index].mean_square;
        std::vector<double> factor(channels);
        for (std::size_t o = 0; o < channels; ++o) {
            factor[o] = std::min(scales_[index][o] * prime, largest_factor(real, sources_, o));
            layer.output_scale.push_back(factor[o] / prime);
            layer.bias.push_back(real.bias[o] * factor[o] / prime);
        }
        for (std::size_t b = 0; b < real.borders.size(); ++b)
            for (std::size_t o = 0; o < channels; ++o)
                layer.borders[b].shift.push_back(real.borders[b].shift[o] * factor[o] / prime);
        const std::vector<double> exact = scaled_weights(real, sources_, factor);
        set_weights(rounding_for(index).round(exact, structural_zeros(real)), exact, layer);
        take_back_excess(real, sources_, factor, prime, layer);
        samples_.advance(static_cast<int>(index), rounded_layer(real, sources_, factor, prime, layer));

        IntegerSource output{{}, {}, samples_.drift(static_cast<int>(index))};
        for (std::size_t o = 0; o < channels; ++o) {
            output.scale.push_back(layer.output_scale[o] * layer.output_scale[o]);
            output.mean.push_back(mean_square[o] * output.scale[o]);
            output.drift[o] *= output.scale[o];
        }
        sources_.push_back(std::move(output));
        plan_.layers.push_back(std::move(layer));
    }

    /// For a layer whose inputs are the integers that the plan will hold.
    CompensatedRounding rounding_for(std::size_t index) const {
        std::vector<float> scales;
        for (const RealOperand& operand : network_.layers[index].operands)
            for (std::size_t tap = 0; tap < operand.taps.size(); ++tap)
                for (const double scale : source(operand).scale) scales.push_back(static_cast<float>(scale));
        FeatureSamples::Columns columns = samples_.columns(static_cast<int>(index), usual_samples(scales.size()));
        for (std::size_t i = 0; i < columns.exact.size(); ++i) {
            columns.exact[i] *= scales[i % scales.size()];
            columns.rounded[i] *= scales[i % scales.size()];
        }
        return {std::move(columns.rounded), std::move(columns.exact), scales.size(), pool_};
    }

    /// A pooling with integer weights: scales pass through, means are multiplied by the sum of the weights.
    void add_integers(std::size_t index) {
        const RealLayer& real = network_.layers[index];
        plan::Layer layer = start(index);
        const RealOperand& operand = real.operands.front();
        const std::vector<double> none(static_cast<std::size_t>(real.out_channels), 0.0);
        IntegerSource output{source(operand).scale, none, none};
        plan::Operand& copy = layer.operands.front();
        const auto channels = static_cast<std::size_t>(operand.channels);
        for (std::size_t k = 0; k < operand.weights.size(); ++k) {
            copy.weights.push_back(static_cast<std::int16_t>(operand.weights[k]));
            const std::size_t o = k / (operand.taps.size() * channels);
            output.mean[o] += operand.weights[k] * source(operand).mean[k % channels];
            output.drift[o] += operand.weights[k] * source(operand).drift[k % channels];
        }
        samples_.advance(static_cast<int>(index), real);
        sources_.push_back(std::move(output));
        plan_.layers.push_back(std::move(layer));
    }

    void add_head(std::size_t index) {
        const RealLayer& real = network_.layers[index];
        plan::Layer layer = start(index);
        double largest = 0;
        double room = INFINITY;
        for (const RealOperand& operand : real.operands)
            for (std::size_t k = 0; k < operand.weights.size(); ++k)
                largest = std::max(largest, std::abs(unscaled_weight(operand, source(operand), k)));
        if (largest == 0) throw Error(ErrorCode::range, fmt::format("{}: all weights are zero", real.name));
        for (std::size_t o = 0; o < static_cast<std::size_t>(real.out_channels); ++o)
            room = std::min(room, largest_factor(real, sources_, o));
        // One factor for all classes, small enough for the sums over pixels to fit the last primes.
        double modulus = 1;
        for (int i = 0; i < layer.output_level(); ++i) modulus *= plan_.parameters().chain[static_cast<std::size_t>(i)];
        const double score = *std::max_element(statistics_.largest_score.begin(), statistics_.largest_score.end());
        const double fits = modulus / 2 / std::exp2(options_.head_headroom_bits) / std::max(score, 1e-9);
        const double least = least_head_weight / std::sqrt(static_cast<double>(real.operands.size()));
        const double factor = std::min({most_head_weight / largest, room, std::max(fits, least / largest)});
        const std::vector<double> factors(static_cast<std::size_t>(real.out_channels), factor);
        layer.output_scale = factors;
        const std::vector<double> exact = scaled_weights(real, sources_, factors);
        set_weights(exact, exact, layer);
        layer.bias.assign(factors.size(), 0.0);
        take_back_excess(real, sources_, factors, factor, layer);
        layer.bias = pixel_sums(layer.bias, layer.borders, real.height, real.width);
        layer.borders.clear();
        for (std::size_t o = 0; o < factors.size(); ++o) layer.bias[o] += real.bias[o];
        plan_.layers.push_back(std::move(layer));
    }

    const plan::RealNetwork& network_;
    const Statistics& statistics_;
    FeatureSamples& samples_;
    const Design& design_;
    const CompileOptions& options_;
    ThreadPool& pool_;
    plan::Plan plan_;
    std::vector<IntegerSource> sources_;
    std::vector<std::vector<double>> scales_;  ///< [layer][channel] of z
};

}  // namespace

plan::Plan quantise(const plan::RealNetwork& network, const Statistics& statistics,
                    const std::vector<LayerSensitivity>& sensitivity, FeatureSamples& samples, const Design& design,
                    const CompileOptions& options, ThreadPool& pool) {
    return Quantiser(network, statistics, sensitivity, samples, design, options, pool).run();
}

}  // namespace obscura::compiler
