#include "compiler/quantise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.hpp"
#include "compiler/constants.hpp"
#include "compiler/rounding.hpp"
#include "plan/limits.hpp"

namespace obscura::compiler {
namespace {

using plan::Finish;
using plan::RealLayer;
using plan::RealOperand;

/// Rounding may move a sum of weights up by half a unit a weight, so sums aim a little below the limit.
constexpr double weight_sum_margin = 0.97;
/// Smallest real rms that is scaled up to full size; channels below are dead.
constexpr double smallest_rms = 1e-6;
/// Pixels whose neighbourhoods decide how rounding errors are compensated: so many for each weight of a row.
constexpr std::size_t samples_per_column = 24;
constexpr std::size_t least_samples = 4096;
constexpr std::size_t most_samples = 16384;
/// Columns of a product that CompileOptions::log_scale is meant for; with few, a larger scale costs head-room.
constexpr double usual_columns = 288;
constexpr double most_scale_gain = 0.5;
constexpr double most_head_weight = 255;
/// For one network; an ensemble of M needs 1 / sqrt(M) of it, as the members' rounding errors are independent.
constexpr double least_head_weight = 31;

/// What later layers need to know about a tensor's integers.
struct Source {
    std::vector<double> scale;  ///< [channels], integer per real unit
    std::vector<double> mean;   ///< [channels], of the integers without rounding
    std::vector<double> drift;  ///< [channels], what rounding has added to it
};

class Quantiser {
  public:
    Quantiser(const plan::RealNetwork& network, const Statistics& statistics, FeatureSamples& samples,
              const Merging& merging, const std::vector<int>& levels, const ckks::ParametersLiteral& parameters,
              const CompileOptions& options, ThreadPool& pool)
        : network_(network),
          statistics_(statistics),
          samples_(samples),
          merging_(merging),
          levels_(levels),
          options_(options),
          pool_(pool) {
        plan_.segments.front().parameters = parameters;
        plan_.input = network.input;
        const double scale = std::exp2(2 * options.log_scale);
        for (double& factor : plan_.input.factor) factor *= scale;
        const auto channels = static_cast<std::size_t>(network.input.channels);
        const std::vector<double> none(channels, 0.0);
        sources_.push_back({std::vector<double>(channels, scale), none, none});
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
    const Source& source(const RealOperand& operand) const {
        return sources_[static_cast<std::size_t>(operand.source + 1)];
    }

    plan::Layer start(std::size_t index) const {
        plan::Layer layer = plan::outline(network_.layers[index]);
        layer.level = levels_[index];
        layer.merged_run = merging_.layers[index];
        layer.masked = merging_.masked[index];
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

    /// log2 of the rms of the layer's integers z. Rounding errors of weights grow with the root of the number of
    /// columns and with the scale, the noise of encryption falls with it: their sum is least where both are alike.
    double log_scale_of(std::size_t index) const {
        std::size_t columns = 0;
        for (const RealOperand& operand : network_.layers[index].operands)
            columns += operand.taps.size() * static_cast<std::size_t>(operand.channels);
        const double gain = -0.25 * std::log2(static_cast<double>(columns) / usual_columns);
        const double log_scale = options_.log_scale + std::min(most_scale_gain, gain);
        return last_square(index) ? std::min(log_scale, options_.last_log_scale) : log_scale;
    }

    /// Weight k of the operand divided by its source's scale: real output units per unit of the integer read.
    double unscaled(const RealOperand& operand, std::size_t k) const {
        return operand.weights[k] / source(operand).scale[k % static_cast<std::size_t>(operand.channels)];
    }

    void add_square(std::size_t index) {
        const RealLayer& real = network_.layers[index];
        plan::Layer layer = start(index);
        const double prime = plan_.parameters().chain[static_cast<std::size_t>(layer.rescale_limb())];
        const double log_scale = log_scale_of(index);
        const auto channels = static_cast<std::size_t>(real.out_channels);
        const std::vector<double>& mean_square = statistics_.layers[index].mean_square;
        std::vector<double> factor(channels);
        for (std::size_t o = 0; o < channels; ++o) {
            const double wanted = std::exp2(log_scale) / std::max(smallest_rms, std::sqrt(mean_square[o]));
            factor[o] = std::min(wanted * prime, largest_factor(real, o));
            layer.output_scale.push_back(factor[o] / prime);
            layer.bias.push_back(real.bias[o] * factor[o] / prime);
        }
        for (std::size_t b = 0; b < real.borders.size(); ++b)
            for (std::size_t o = 0; o < channels; ++o)
                layer.borders[b].shift.push_back(real.borders[b].shift[o] * factor[o] / prime);
        round_compensated(index, factor, layer);
        take_back_excess(real, factor, prime, layer);
        samples_.advance(static_cast<int>(index), rounded(real, factor, prime, layer));

        Source output{{}, {}, samples_.drift(static_cast<int>(index))};
        for (std::size_t o = 0; o < channels; ++o) {
            output.scale.push_back(layer.output_scale[o] * layer.output_scale[o]);
            output.mean.push_back(mean_square[o] * output.scale[o]);
            output.drift[o] *= output.scale[o];
        }
        sources_.push_back(std::move(output));
        plan_.layers.push_back(std::move(layer));
    }

    /// Largest factor on the unscaled weights of channel o that keeps them within the limits of the matrix product.
    double largest_factor(const RealLayer& real, std::size_t o) const {
        double sum = 0;
        double largest = 0;
        for (const RealOperand& operand : real.operands) {
            const std::size_t row = operand.taps.size() * static_cast<std::size_t>(operand.channels);
            for (std::size_t k = o * row; k < (o + 1) * row; ++k) {
                sum += std::abs(unscaled(operand, k));
                largest = std::max(largest, std::abs(unscaled(operand, k)));
            }
        }
        if (largest == 0) return 1;
        return weight_sum_margin * std::min(plan::limits::weight_sum / sum, plan::limits::weight / largest);
    }

    /// The weights of output o, of all operands, in the layer's units.
    std::vector<double> exact_row(const RealLayer& real, std::size_t o, double factor) const {
        std::vector<double> row;
        for (const RealOperand& operand : real.operands) {
            const std::size_t size = operand.taps.size() * static_cast<std::size_t>(operand.channels);
            for (std::size_t k = o * size; k < (o + 1) * size; ++k) row.push_back(unscaled(operand, k) * factor);
        }
        return row;
    }

    static void add_row(const double* integers, plan::Layer& layer) {
        for (plan::Operand& operand : layer.operands)
            for (std::size_t k = operand.taps.size() * static_cast<std::size_t>(operand.channels); k > 0; --k)
                operand.weights.push_back(static_cast<std::int16_t>(std::lround(*integers++)));
    }

    /// Fills the layer's integer weights: each rounded for itself.
    void round_each(const RealLayer& real, const std::vector<double>& factor, plan::Layer& layer) const {
        for (std::size_t o = 0; o < factor.size(); ++o) {
            std::vector<double> row = exact_row(real, o, factor[o]);
            add_row(row.data(), layer);
        }
    }

    /// The same with compensation. It may enlarge weights; a row that it takes beyond the limits is rounded plainly.
    void round_compensated(std::size_t index, const std::vector<double>& factor, plan::Layer& layer) const {
        const RealLayer& real = network_.layers[index];
        std::vector<double> exact;
        for (std::size_t o = 0; o < factor.size(); ++o) {
            const std::vector<double> row = exact_row(real, o, factor[o]);
            exact.insert(exact.end(), row.begin(), row.end());
        }
        const std::vector<double> rounded = rounding_for(index).round(exact);
        const std::size_t columns = exact.size() / factor.size();
        for (std::size_t first = 0; first < exact.size(); first += columns)
            add_row((fits(rounded.data() + first, columns) ? rounded : exact).data() + first, layer);
    }

    static bool fits(const double* row, std::size_t columns) {
        double sum = 0;
        double largest = 0;
        for (std::size_t k = 0; k < columns; ++k) {
            sum += std::abs(row[k]);
            largest = std::max(largest, std::abs(row[k]));
        }
        return sum <= plan::limits::weight_sum && largest <= plan::limits::weight;
    }

    /// The layer as it has been rounded, in real units.
    RealLayer rounded(const RealLayer& real, const std::vector<double>& factor, double prime,
                      const plan::Layer& layer) const {
        RealLayer result = real;
        for (std::size_t i = 0; i < real.operands.size(); ++i) {
            RealOperand& operand = result.operands[i];
            const std::vector<double>& scale = source(operand).scale;
            const std::size_t row = operand.weights.size() / factor.size();
            for (std::size_t k = 0; k < operand.weights.size(); ++k)
                operand.weights[k] = layer.operands[i].weights[k] / factor[k / row] * scale[k % scale.size()];
        }
        for (std::size_t o = 0; o < factor.size(); ++o) {
            result.bias[o] = layer.bias[o] * prime / factor[o];
            for (std::size_t b = 0; b < layer.borders.size(); ++b)
                result.borders[b].shift[o] = layer.borders[b].shift[o] * prime / factor[o];
        }
        return result;
    }

    /// Takes what rounding adds to each output on average, tap by tap, out of the layer's bias and borders. `divisor`:
    /// of the sums that the weights give, to come to the bias's units.
    void take_back_excess(const RealLayer& real, const std::vector<double>& factor, double divisor,
                          plan::Layer& layer) const {
        Constants constants{layer.bias, layer.borders};
        for (std::size_t i = 0; i < real.operands.size(); ++i) {
            const RealOperand& operand = real.operands[i];
            const Source& read = source(operand);
            const auto channels = static_cast<std::size_t>(operand.channels);
            const std::size_t row = operand.taps.size() * channels;
            for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
                std::vector<double> excess(factor.size());
                for (std::size_t o = 0; o < factor.size(); ++o)
                    for (std::size_t c = 0; c < channels; ++c) {
                        const std::size_t k = o * row + tap * channels + c;
                        const double weight = layer.operands[i].weights[k];
                        const double added = weight - unscaled(operand, k) * factor[o];
                        excess[o] -= (added * read.mean[c] + weight * read.drift[c]) / divisor;
                    }
                constants.add_inside(operand.padding, operand.stride, operand.taps[tap], excess);
            }
        }
    }

    /// For a layer whose inputs are the integers that the plan will hold.
    CompensatedRounding rounding_for(std::size_t index) const {
        std::vector<float> scales;
        for (const RealOperand& operand : network_.layers[index].operands)
            for (std::size_t tap = 0; tap < operand.taps.size(); ++tap)
                for (const double scale : source(operand).scale) scales.push_back(static_cast<float>(scale));
        const std::size_t count = std::clamp(samples_per_column * scales.size(), least_samples, most_samples);
        FeatureSamples::Columns columns = samples_.columns(static_cast<int>(index), static_cast<int>(count));
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
        Source output{source(operand).scale, none, none};
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
                largest = std::max(largest, std::abs(unscaled(operand, k)));
        if (largest == 0) throw Error(ErrorCode::range, fmt::format("{}: all weights are zero", real.name));
        for (std::size_t o = 0; o < static_cast<std::size_t>(real.out_channels); ++o)
            room = std::min(room, largest_factor(real, o));
        // One factor for all classes, small enough for the sums over pixels to fit the last primes.
        double modulus = 1;
        for (int i = 0; i < layer.output_level(); ++i) modulus *= plan_.parameters().chain[static_cast<std::size_t>(i)];
        const double score = *std::max_element(statistics_.largest_score.begin(), statistics_.largest_score.end());
        const double fits = modulus / 2 / std::exp2(options_.head_headroom_bits) / std::max(score, 1e-9);
        const double least = least_head_weight / std::sqrt(static_cast<double>(real.operands.size()));
        const double factor = std::min({most_head_weight / largest, room, std::max(fits, least / largest)});
        const std::vector<double> factors(static_cast<std::size_t>(real.out_channels), factor);
        layer.output_scale = factors;
        round_each(real, factors, layer);
        layer.bias.assign(factors.size(), 0.0);
        take_back_excess(real, factors, factor, layer);
        layer.bias = pixel_sums(layer.bias, layer.borders, real.height, real.width);
        layer.borders.clear();
        for (std::size_t o = 0; o < factors.size(); ++o) layer.bias[o] += real.bias[o];
        plan_.layers.push_back(std::move(layer));
    }

    const plan::RealNetwork& network_;
    const Statistics& statistics_;
    FeatureSamples& samples_;
    const Merging& merging_;
    const std::vector<int>& levels_;
    const CompileOptions& options_;
    ThreadPool& pool_;
    plan::Plan plan_;
    std::vector<Source> sources_;
};

}  // namespace

plan::Plan quantise(const plan::RealNetwork& network, const Statistics& statistics, FeatureSamples& samples,
                    const Merging& merging, const std::vector<int>& levels, const ckks::ParametersLiteral& parameters,
                    const CompileOptions& options, ThreadPool& pool) {
    return Quantiser(network, statistics, samples, merging, levels, parameters, options, pool).run();
}

}  // namespace obscura::compiler
