#include "compiler/explain.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "compiler/parameter_choice.hpp"
#include "compiler/segmentation.hpp"
#include "compiler/value_range.hpp"
#include "io/residues.hpp"
#include "plan/layout.hpp"
#include "plan/members.hpp"
#include "tensor/column_uses.hpp"
#include "tensor/geometry.hpp"
#include "tensor/memory_model.hpp"

namespace obscura::compiler {
namespace {

using plan::Finish;
using plan::Layout;

const char* finish_name(Finish finish) {
    switch (finish) {
        case Finish::square:
            return "square";
        case Finish::none:
            return "none";
        case Finish::head:
            return "head";
    }
    return "";
}

class Explainer {
  public:
    Explainer(const plan::Plan& plan, const tensor::MachineRates& rates)
        : plan_(plan),
          rates_(rates),
          parameters_(plan.parameters()),
          layouts_(plan::layouts(plan)),
          degree_(parameters_.degree()) {}

    Explanation run() {
        Explanation result;
        result.model = plan_.model;
        result.ring_degree = static_cast<int>(degree_);
        result.limbs = parameters_.levels();
        result.special_limbs = parameters_.special_limbs();
        result.log2_qp = parameters_.log2_qp();
        result.security_bits = parameters_.security_bits();
        result.images = plan_.batch();
        result.cell = plan_.cell;
        result.alternatives = plan_.alternatives;
        result.memory_bytes = plan_.memory_bytes;
        result.cyclic_twin = plan_.cyclic_twin;
        result.headroom_bits = plan_.calibration_headroom_bits;
        result.score_error_rms = plan_.predicted_score_error_rms;
        result.score_error_max = plan_.predicted_score_error_max;
        const auto memory = tensor::plan_memory(plan_, plan_.memory_bytes, rates_.threads);
        const auto costs = tensor::layer_costs(plan_, memory, rates_);
        const std::uint64_t limb = tensor::limb_bytes(plan_);
        for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
            result.layers.push_back(layer(i));
            result.layers.back().cost = costs[i];
            result.seconds += costs[i].seconds();
            result.layers.back().server_bytes = memory.limbs[i] * limb;
        }
        result.headroom_layer =
            std::min_element(result.layers.begin(), result.layers.end(), [](const auto& a, const auto& b) {
                return a.headroom_bits < b.headroom_bits;
            })->name;
        result.members = members(result.layers);
        result.modulus = modulus();
        result.seconds_per_image = result.seconds / result.images;
        result.segments = segments(result.layers);
        for (const SegmentExplanation& segment : result.segments) {
            result.rotation_keys += segment.rotation_keys;
            result.key_bytes += segment.key_bytes;
        }
        result.server_bytes = memory.peak() * limb;
        result.request_bytes = static_cast<std::uint64_t>(ciphertexts(plan_.input.channels, 0)) *
                               static_cast<std::uint64_t>(parameters_.levels()) * io::packed_bytes(degree_);
        const plan::Layer& head = plan_.layers.back();
        result.response_bytes = static_cast<std::uint64_t>(head.out_channels * head.output_level()) * 2 *
                                io::packed_bytes(std::size_t{1} << plan_.segments.back().parameters.log_degree);
        return result;
    }

  private:
    std::vector<MemberExplanation> members(const std::vector<LayerExplanation>& layers) const {
        std::vector<MemberExplanation> result;
        const std::vector<int> member = plan::members(plan_);
        for (std::size_t i = 0; i < layers.size(); ++i) {
            if (member[i] < 0) continue;
            result.resize(std::max(result.size(), static_cast<std::size_t>(member[i]) + 1));
            MemberExplanation& of = result[static_cast<std::size_t>(member[i])];
            ++of.layers;
            of.seconds += layers[i].cost.seconds();
            of.server_bytes = std::max(of.server_bytes, layers[i].server_bytes);
        }
        return result;
    }

    ModulusExplanation modulus() const {
        ModulusExplanation result;
        Levels levels;
        levels.mask.assign(plan_.parameters().chain.size(), false);
        std::vector<bool> rescales = levels.mask;
        for (const plan::Layer& layer : plan_.layers) {
            if (layer.merged_run != 0) levels.mask[static_cast<std::size_t>(layer.level - 1)] = true;
            if (layer.finish == Finish::square) rescales[static_cast<std::size_t>(layer.rescale_limb())] = true;
        }
        double primes = 0;
        for (std::size_t i = 0; i < rescales.size(); ++i) {
            if (!rescales[i]) continue;
            primes += 1;
            result.prime_bits += std::log2(plan_.parameters().chain[i]);
        }
        if (primes == 0) return result;
        result.prime_bits /= primes;
        double count = 0;
        for (const plan::Layer& layer : plan_.layers) {
            const int from = layer.operands.front().source;
            if (layer.finish != Finish::square || from < 0) continue;
            const plan::Layer& source = plan_.layers[static_cast<std::size_t>(from)];
            if (source.finish != Finish::square || source.rms <= 0 || layer.rms <= 0) continue;
            const double prime = plan_.parameters().chain[static_cast<std::size_t>(layer.rescale_limb())];
            count += 1;
            result.weight_bits += std::log2(prime) + std::log2(layer.rms) - 2 * std::log2(source.rms);
        }
        if (count > 0) result.weight_bits /= count;
        CompileOptions full;
        if (plan_.parameters().insecure_for_tests) full.log_degree = plan_.parameters().log_degree;
        full.insecure_for_tests = plan_.parameters().insecure_for_tests;
        try {
            const ckks::Parameters parameters(parameter_choices(levels, layouts_.front().tiles, full).front());
            result.full_ring_degree = static_cast<int>(parameters.degree());
            result.full_special_limbs = parameters.special_limbs();
            result.full_log2_qp = parameters.log2_qp();
        } catch (const Error& error) {
            if (error.code() != ErrorCode::security) throw;
        }
        return result;
    }

    /// Of a map that layers read (0: the input): only its columns that are needed exist.
    int ciphertexts(int channels, std::size_t map) const {
        if (map == 0) return channels * layouts_.front().columns();
        return channels * static_cast<int>(tensor::columns_to_compute(plan_, layouts_, map - 1).size());
    }

    std::vector<SegmentExplanation> segments(const std::vector<LayerExplanation>& layers) const {
        std::vector<SegmentExplanation> result;
        for (const plan::Segment& segment : plan_.segments) {
            const ckks::Parameters parameters(segment.parameters);
            SegmentExplanation of;
            of.first_layer = layers[static_cast<std::size_t>(segment.first_layer)].name;
            of.ring_degree = static_cast<int>(parameters.degree());
            of.limbs = parameters.levels();
            of.special_limbs = parameters.special_limbs();
            of.digits = parameters.digits(parameters.levels());
            of.log2_qp = parameters.log2_qp();
            of.rotation_keys = static_cast<int>(segment.rotation_keys.size());
            const bool switched = !result.empty() && of.ring_degree != result.back().ring_degree;
            of.keys = of.rotation_keys + (segment.relinearisation_level > 0 ? 1 : 0) + (switched ? 1 : 0);
            of.key_bytes = segment_key_bytes(plan_, result.size());
            result.push_back(std::move(of));
        }
        for (std::size_t i = 0; i < layers.size(); ++i) result[plan_.segment_of(i)].seconds += layers[i].cost.seconds();
        return result;
    }

    /// Distinct rotations of source columns, added up over the operands' channels.
    int rotated_ciphertexts(std::size_t index) const {
        const plan::Layer& layer = plan_.layers[index];
        const Layout& output = layouts_[index + 1];
        const auto columns = tensor::columns_to_compute(plan_, layouts_, index);
        std::set<std::tuple<int, int, int>> rotated;
        int count = 0;
        for (const plan::Operand& operand : layer.operands) {
            const Layout& source = layouts_[static_cast<std::size_t>(operand.source + 1)];
            for (const int column : columns)
                for (const plan::Read& read : plan::reads(source, output, operand, column))
                    if (read.from.tile_shift != 0 &&
                        rotated.insert({operand.source, read.from.column, read.from.tile_shift}).second)
                        count += operand.channels;
        }
        return count;
    }

    LayerExplanation layer(std::size_t index) const {
        const plan::Layer& layer = plan_.layers[index];
        const Layout& output = layouts_[index + 1];
        const bool head = layer.finish == Finish::head;
        LayerExplanation row;
        row.name = layer.name;
        row.finish = finish_name(layer.finish);
        row.channels = layer.out_channels;
        row.height = layer.height;
        row.width = layer.width;
        row.columns = output.columns();
        row.level = layer.level;
        int largest = 1;
        for (const plan::Operand& operand : layer.operands) {
            row.rows += static_cast<int>(operand.taps.size()) * operand.channels;
            for (const std::int16_t weight : operand.weights)
                largest = std::max(largest, std::abs(static_cast<int>(weight)));
        }
        row.weight_bits = std::log2(largest);
        row.scale_bits = layer.rms > 0 ? std::log2(layer.rms) : 0;
        row.error_bits = layer.predicted_error > 0 ? std::log2(layer.predicted_error) : 0;
        row.headroom_bits = headroom_bits(plan_, layer);
        const plan::Operand& main = layer.operands.front();
        row.ciphertexts_in = ciphertexts(main.channels, static_cast<std::size_t>(main.source + 1));
        row.ciphertexts_out = head ? layer.out_channels : ciphertexts(layer.out_channels, index + 1);
        int rotated = rotated_ciphertexts(index);
        if (head) rotated += layer.out_channels * static_cast<int>(plan::head_steps(output).size());
        row.rotations = static_cast<double>(rotated) / row.ciphertexts_in;
        std::vector<Layout> sources;
        for (const plan::Operand& operand : layer.operands)
            sources.push_back(layouts_[static_cast<std::size_t>(operand.source + 1)]);
        row.masks = static_cast<int>(tensor::make_geometry(layer, sources, output).masks.size());
        row.output_bytes = std::uint64_t{8} * static_cast<std::uint64_t>(row.ciphertexts_out) *
                               static_cast<std::uint64_t>(layer.output_level())
                           << plan_.segments[plan_.reading_segment(index)].parameters.log_degree;
        return row;
    }

    const plan::Plan& plan_;
    const tensor::MachineRates& rates_;
    ckks::Parameters parameters_;
    std::vector<Layout> layouts_;
    std::uint32_t degree_ = 0;
};

}  // namespace

Explanation explain(const plan::Plan& plan, const tensor::MachineRates& rates) {
    return Explainer(plan, rates).run();
}

}  // namespace obscura::compiler
