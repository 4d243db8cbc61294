#include "compiler/scales.hpp"

#include <algorithm>
#include <cmath>

namespace obscura::compiler {
namespace {

/// Variance of what rounding changes in a weight.
constexpr double rounding_variance = 1.0 / 12;
constexpr int most_rounds = 300;
/// In bits: a round that changes no scale by more is the last.
constexpr double smallest_change = 0.01;

class Balance {
  public:
    Balance(const plan::RealNetwork& network, const std::vector<LayerSensitivity>& sensitivity,
            const std::vector<ScaleTerms>& terms, const std::vector<double>& input_scale)
        : network_(network), sensitivity_(sensitivity), terms_(terms) {
        outputs_.push_back(input_scale);
        for (std::size_t l = 0; l < network.layers.size(); ++l) {
            const plan::RealLayer& layer = network.layers[l];
            tensors_.push_back(layer.finish == plan::Finish::none ? tensor(layer.operands.front())
                                                                  : static_cast<std::size_t>(outputs_.size()));
            if (layer.finish == plan::Finish::none) continue;
            auto& output = outputs_.emplace_back();
            for (std::size_t o = 0; layer.finish == plan::Finish::square && o < terms[l].smallest.size(); ++o)
                output.push_back(terms[l].smallest[o] * terms[l].largest[o]);
        }
    }

    std::vector<std::vector<double>> run() {
        for (int round = 0; round < most_rounds; ++round) {
            double change = 0;
            for (std::size_t l = 0; l < network_.layers.size(); ++l) change = std::max(change, improve(l));
            for (std::size_t l = network_.layers.size(); l-- > 0;) change = std::max(change, improve(l));
            if (change < smallest_change) break;
        }
        std::vector<std::vector<double>> result(network_.layers.size());
        for (std::size_t l = 0; l < result.size(); ++l)
            if (network_.layers[l].finish == plan::Finish::square)
                for (const double scale : outputs_[tensors_[l]]) result[l].push_back(std::sqrt(scale));
        return result;
    }

  private:
    /// Index of the scales that an operand reads; poolings pass those of their source on.
    std::size_t tensor(const plan::RealOperand& operand) const {
        return operand.source < 0 ? 0 : tensors_[static_cast<std::size_t>(operand.source)];
    }

    /// What rounding of the weights that read channel c adds to the variance of the sums that become z, for scales
    /// of 1.
    double rounding(std::size_t l, std::size_t operand, std::size_t c) const {
        return rounding_variance * sensitivity_[l].weights[operand][c] / (terms_[l].prime * terms_[l].prime);
    }

    /// With y the scale of u, squared scale of z, in one channel, errors are A / y + B y^2: y^3 = A / (2 B) is best.
    /// Returns the largest change of a scale of z in bits.
    double improve(std::size_t l) {
        if (network_.layers[l].finish != plan::Finish::square) return 0;
        std::vector<double>& own = outputs_[tensors_[l]];
        const std::size_t channels = own.size();
        double variance = terms_[l].noise * terms_[l].noise;
        for (std::size_t i = 0; i < network_.layers[l].operands.size(); ++i) {
            const std::vector<double>& source = outputs_[tensor(network_.layers[l].operands[i])];
            for (std::size_t c = 0; c < source.size(); ++c) variance += rounding(l, i, c) * source[c] * source[c];
        }
        std::vector<double> growing(channels);
        for (std::size_t reader = l + 1; reader < network_.layers.size(); ++reader) {
            const plan::RealLayer& layer = network_.layers[reader];
            if (layer.finish != plan::Finish::square) continue;
            double shown = 0;
            for (std::size_t o = 0; o < sensitivity_[reader].values.size(); ++o)
                shown += sensitivity_[reader].values[o] / outputs_[tensors_[reader]][o];
            for (std::size_t i = 0; i < layer.operands.size(); ++i) {
                if (tensor(layer.operands[i]) != tensors_[l]) continue;
                for (std::size_t c = 0; c < channels; ++c) growing[c] += shown * rounding(reader, i, c);
            }
        }
        double change = 0;
        for (std::size_t o = 0; o < channels; ++o) {
            const double least = terms_[l].smallest[o], most = terms_[l].largest[o];
            const double falling = variance * sensitivity_[l].values[o];
            const double best = std::cbrt(falling / std::max(2 * growing[o], 1e-300));
            // Effects beyond counting, of a network that is not stable, say nothing.
            const double scale = std::isnan(best) ? own[o] : std::clamp(best, least * least, most * most);
            change = std::max(change, 0.5 * std::abs(std::log2(scale / own[o])));
            own[o] = scale;
        }
        return change;
    }

    const plan::RealNetwork& network_;
    const std::vector<LayerSensitivity>& sensitivity_;
    const std::vector<ScaleTerms>& terms_;
    std::vector<std::size_t> tensors_;          ///< [layer] index of its output's scales
    std::vector<std::vector<double>> outputs_;  ///< [tensor][channel] scales of u; first the input's
};

}  // namespace

std::vector<std::vector<double>> balanced_scales(const plan::RealNetwork& network,
                                                 const std::vector<LayerSensitivity>& sensitivity,
                                                 const std::vector<ScaleTerms>& terms,
                                                 const std::vector<double>& input_scale) {
    return Balance(network, sensitivity, terms, input_scale).run();
}

}  // namespace obscura::compiler
