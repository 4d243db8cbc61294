#include "compiler/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "compiler/segmentation.hpp"
#include "plan/layout.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::compiler {
namespace {

/// More keys than this are more trouble than they save.
constexpr std::uint64_t most_key_bytes = 2'000'000'000;

/// Layers and levels of a plan without weights, and the tiles of their outputs.
struct Skeleton {
    plan::Plan plan;
    std::vector<int> tiles;
};

Skeleton skeleton(const plan::RealNetwork& network, const Design& design, const CompileOptions& options) {
    Skeleton result;
    plan::Plan& plan = result.plan;
    plan.cell = design.cell;
    plan.copies = design.copies;
    plan.input = network.input;
    plan.memory_bytes = tensor::residue_bytes(options.memory_bytes);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        plan::Layer layer = plan::outline(network.layers[i]);
        layer.level = design.levels.layers[i];
        layer.merged_run = design.merging.layers[i];
        layer.masked = design.merging.masked[i];
        plan.layers.push_back(std::move(layer));
    }
    result.tiles = split_layers(plan, design.merging, design.levels.operands);
    return result;
}

/// The cell of so many pixels that the padding of the convolutions on the input's grid asks for. If all of it is zeros,
/// which fits any cell, a square or half of one: fewest taps leave it, and strides halve it most often.
plan::Cell input_cell(const plan::RealNetwork& network, int pixels) {
    const auto& input = network.input;
    int wrap = 0;
    for (const auto& layer : network.layers)
        for (const auto& operand : layer.operands)
            if (operand.stride * layer.height == input.height && !plan::stays_inside(operand.taps, operand.stride))
                wrap = std::max(wrap, operand.padding.wrap);
    for (int side = 1; wrap == 0 && side * side <= pixels; side *= 2)
        if (side * side * 4 > pixels) wrap = side;
    return plan::cell_of(pixels, input.width, wrap);
}

plan::Alternative weigh(const plan::Plan& plan, const CompileOptions& options) {
    const auto memory = tensor::plan_memory(plan, plan.memory_bytes, options.rates.threads);
    plan::Alternative result;
    result.cell = plan.cell;
    result.batch = plan.batch();
    result.memory_bytes = memory.peak() * tensor::limb_bytes(plan);
    for (std::size_t i = 0; i < plan.segments.size(); ++i) result.key_bytes += segment_key_bytes(plan, i);
    for (const auto& cost : tensor::layer_costs(plan, memory, options.rates)) result.seconds += cost.seconds();
    return result;
}

/// The rings of a design: each layer that merges tiles leaves as few as the ring may shrink to, which is as small as
/// security allows. Sets design.merging and design.segments.
void choose_rings(const plan::RealNetwork& network, bool apart, const std::vector<ckks::ParametersLiteral>& choices,
                  const CompileOptions& options, Design& design) {
    const int first_ring = choices.front().log_degree;
    design.segments.resize(1);
    design.segments.front().parameters.log_degree = first_ring;
    std::vector<int> shrinks(network.layers.size(), 0);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        if (design.merging.layers[i] == 0) continue;
        for (int gap = design.merging.outputs[i].gap; gap > 1; gap /= 2) ++shrinks[i];
        for (; shrinks[i] > 0; --shrinks[i]) {
            Design attempt = design;
            try {
                attempt.merging = choose_merging(network, design.cell, true, apart, shrinks);
            } catch (const Error& error) {  // other networks of an ensemble keep to the larger ring
                if (error.code() != ErrorCode::unsupported) throw;
                continue;
            }
            const Skeleton skeleton = compiler::skeleton(network, attempt, options);
            auto segments = ring_segments(skeleton.plan, skeleton.tiles, first_ring);
            if (!segments) continue;
            const plan::Segment& last = segments->back();
            const int limbs = limbs_from(skeleton.plan, static_cast<std::size_t>(last.first_layer));
            if (!ring_suffices(choices.front(), limbs, last.parameters.log_degree)) continue;
            attempt.segments = std::move(*segments);
            design = std::move(attempt);
            break;
        }
    }
}

/// A design and what it takes.
struct Weighed {
    Design design;
    plan::Alternative takes;
};

/// The design with the segments that its rings are best cut into, and what it takes then.
Weighed segmented(const plan::RealNetwork& network, Design design, const std::vector<ckks::ParametersLiteral>& choices,
                  const CompileOptions& options) {
    plan::Plan plan = skeleton(network, design, options).plan;
    plan.segments = design.segments;
    for (plan::Segment& segment : plan.segments) {
        const int log_degree = segment.parameters.log_degree;
        segment.parameters = choices.front();
        segment.parameters.log_degree = log_degree;
    }
    plan.segments = choose_segments(plan, choices, options);
    fill_keys(plan);
    design.segments = plan.segments;
    return {std::move(design), weigh(plan, options)};
}

/// Designs of one batch: as it is, and in copies that fill the slots which so few images leave idle, where smaller
/// rings make use of them. Sets copies and segments.
std::vector<Design> with_copies(const plan::RealNetwork& network, int tiles, const ckks::ParametersLiteral& parameters,
                                const CompileOptions& options, const Design& design) {
    const int room = (1 << parameters.log_degree) / tiles;
    const plan::Plan plan = skeleton(network, design, options).plan;
    std::vector<Design> result;
    for (int copies = 1; copies == 1 || (options.batch > 0 && copies * options.batch <= room); copies *= 2) {
        Design attempt = design;
        attempt.segments = copy_segments(plan, parameters, copies);
        attempt.copies = 1 << (parameters.log_degree - attempt.segments.back().parameters.log_degree);
        if (attempt.copies == copies)
            result.push_back(std::move(attempt));  // else no ring is secure that needs so many
    }
    return result;
}

/// The fastest of the ways to merge, or to hold copies.
Weighed best_for(const plan::RealNetwork& network, int run_length, const CompileOptions& options) {
    const plan::Cell cell = input_cell(network, run_length);
    const int tiles = network.input.height * network.input.width / cell.pixels();
    std::optional<Weighed> best;
    const auto consider = [&](Design design, const std::vector<ckks::ParametersLiteral>& choices) {
        Weighed weighed = segmented(network, std::move(design), choices, options);
        if (!best || weighed.takes.seconds < best->takes.seconds) best = std::move(weighed);
    };
    for (const bool apart : {false, true}) {
        Design design;
        design.cell = cell;
        design.merging = choose_merging(network, cell, options.merge_tiles, apart);
        design.levels = assign_levels(network, design.merging);
        const auto choices = parameter_choices(design.levels, tiles, options);
        const auto& merging = design.merging.layers;
        if (std::any_of(merging.begin(), merging.end(), [](int run) { return run != 0; })) {
            choose_rings(network, apart, choices, options, design);
            consider(std::move(design), choices);
            continue;
        }
        for (auto& copied : with_copies(network, tiles, choices.front(), options, design))
            consider(std::move(copied), choices);
        break;
    }
    return std::move(*best);
}

/// The network, without weights, with cyclic padding by so many rows on the input's grid, fewer on coarser ones.
plan::RealNetwork cyclic(const plan::RealNetwork& network, int wrap) {
    plan::RealNetwork result{network.input, {}};
    for (const plan::RealLayer& layer : network.layers) {
        plan::RealLayer copy{layer.name, layer.finish, layer.out_channels, layer.height, layer.width, {}, {}, {}};
        for (const auto& operand : layer.operands) {
            const plan::Padding padding{std::max(1, wrap * operand.stride * layer.height / network.input.height)};
            copy.operands.push_back({operand.source, operand.channels, operand.stride, operand.taps, {}, padding});
        }
        result.layers.push_back(std::move(copy));
    }
    return result;
}

/// What zero padding costs is said against cyclic padding, by as many rows as is fastest in cells that are no higher
/// than wide.
std::optional<plan::CyclicTwin> cyclic_twin(const plan::RealNetwork& network, int run_length,
                                            const CompileOptions& options) {
    const auto has_zeros = [](const plan::RealLayer& layer) {
        return std::any_of(layer.operands.begin(), layer.operands.end(),
                           [](const auto& operand) { return operand.padding == plan::Padding::zeros; });
    };
    if (std::none_of(network.layers.begin(), network.layers.end(), has_zeros)) return std::nullopt;
    std::optional<Weighed> best;
    for (int wrap = 1; wrap * wrap <= run_length && wrap < network.input.height; wrap *= 2) {
        Weighed weighed = best_for(cyclic(network, wrap), run_length, options);
        const auto pace = [](const Weighed& w) { return w.takes.seconds / w.takes.batch; };
        if (!best || pace(weighed) < pace(*best)) best = std::move(weighed);
    }
    const ckks::Parameters parameters(best->design.segments.front().parameters);
    return plan::CyclicTwin{parameters.log_degree(), parameters.levels(), parameters.log2_qp(), best->takes};
}

std::string describe(const plan::Alternative& a) {
    return fmt::format("cells of {}x{} pixels: {} images at once, {:.2f} GB, {:.0f} MB of keys, {:.1f} s",
                       a.cell.height, a.cell.width, a.batch,
                       static_cast<double>(a.memory_bytes + tensor::process_bytes) / 1e9,
                       static_cast<double>(a.key_bytes) / 1e6, a.seconds);
}

}  // namespace

Design design(const plan::RealNetwork& network, const CompileOptions& options) {
    if (options.run_length != 0) {
        Weighed fixed = best_for(network, options.run_length, options);
        fixed.design.alternatives.push_back(fixed.takes);
        fixed.design.cyclic_twin = cyclic_twin(network, options.run_length, options);
        return std::move(fixed.design);
    }
    const int pixels = network.input.height * network.input.width;
    std::vector<Design> designs;
    std::vector<plan::Alternative> alternatives;
    std::optional<Error> refused;
    for (int run = 1; run <= pixels; run *= 2) {
        if (pixels % run != 0) break;
        try {
            auto [candidate, alternative] = best_for(network, run, options);
            if (alternative.key_bytes > most_key_bytes) continue;
            designs.push_back(std::move(candidate));
            alternatives.push_back(alternative);
            // twice the run length takes twice the memory
            if (alternative.memory_bytes > 4 * tensor::residue_bytes(options.memory_bytes)) break;
        } catch (const Error& error) {
            refused = error;
        }
    }
    if (designs.empty()) {
        if (!refused)
            throw Error(
                ErrorCode::unsupported,
                fmt::format("no layout can run this network: the rotation keys of each would take more than {:.1f} GB",
                            most_key_bytes / 1e9));
        throw Error(refused->code(), fmt::format("no layout can run this network: {}", refused->what()));
    }
    const auto total = [&](const plan::Alternative& a) {
        if (options.batch == 0) return a.seconds / a.batch;
        return a.seconds * std::ceil(static_cast<double>(options.batch) / a.batch);
    };
    const auto fits = [&](const plan::Alternative& a) {
        return a.memory_bytes <= tensor::residue_bytes(options.memory_bytes);
    };
    std::size_t best = alternatives.size();
    for (std::size_t i = 0; i < alternatives.size(); ++i)
        if (fits(alternatives[i]) &&
            (best == alternatives.size() || total(alternatives[i]) < total(alternatives[best])))
            best = i;
    if (best == alternatives.size()) {
        const auto least = std::min_element(alternatives.begin(), alternatives.end(), [](const auto& a, const auto& b) {
            return a.memory_bytes < b.memory_bytes;
        });
        throw Error(ErrorCode::resource,
                    fmt::format("{:.2f} GB are not enough for any layout of this network; the least is\n  {}",
                                static_cast<double>(options.memory_bytes) / 1e9, describe(*least)));
    }
    Design chosen = std::move(designs[best]);
    chosen.alternatives = std::move(alternatives);
    chosen.cyclic_twin = cyclic_twin(network, chosen.cell.pixels(), options);
    return chosen;
}

}  // namespace obscura::compiler
