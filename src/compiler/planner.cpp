#include "compiler/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "io/residues.hpp"
#include "plan/layout.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::compiler {
namespace {

/// More keys than this are more trouble than they save.
constexpr std::uint64_t most_key_bytes = 2'000'000'000;

/// Layers, levels and keys of a plan without weights: enough to know what it will take.
plan::Plan outline(const plan::RealNetwork& network, const Design& design) {
    plan::Plan plan;
    plan.parameters = design.parameters;
    plan.cell = design.cell;
    plan.input = network.input;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        plan::Layer layer = plan::outline(network.layers[i]);
        layer.level = design.levels.layers[i];
        layer.merged_run = design.merging.layers[i];
        layer.masked = design.merging.masked[i];
        plan.layers.push_back(std::move(layer));
    }
    split_layers(plan, design.merging, design.levels.operands);
    for (const auto& layer : plan.layers)
        if (layer.finish == plan::Finish::square)
            plan.relinearisation_level = std::max(plan.relinearisation_level, layer.output_level());
    plan.rotation_keys = plan::required_rotations(plan);
    return plan;
}

std::uint64_t key_bytes(const plan::Plan& plan) {
    const ckks::Parameters parameters(plan.parameters);
    const auto bytes = [&](int level) {
        return static_cast<std::uint64_t>(parameters.digits(level) * (level + parameters.special_limbs())) *
               io::packed_bytes(parameters.degree());
    };
    std::uint64_t sum = bytes(plan.relinearisation_level);
    for (const auto& key : plan.rotation_keys) sum += bytes(key.level);
    return sum;
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

plan::Alternative weigh(const plan::RealNetwork& network, const Design& design, const CompileOptions& options) {
    const plan::Plan plan = outline(network, design);
    const auto memory = tensor::plan_memory(plan, tensor::residue_bytes(options.memory_bytes), options.rates.threads);
    plan::Alternative result;
    result.cell = design.cell;
    result.batch = plan.batch();
    result.memory_bytes = memory.peak() * tensor::limb_bytes(plan);
    result.key_bytes = key_bytes(plan);
    for (const auto& cost : tensor::layer_costs(plan, memory, options.rates)) result.seconds += cost.seconds();
    return result;
}

/// A design and what it takes.
struct Weighed {
    Design design;
    plan::Alternative takes;
};

/// The fastest of the ways to merge and of the numbers of special primes.
Weighed best_for(const plan::RealNetwork& network, int run_length, const CompileOptions& options) {
    const plan::Cell cell = input_cell(network, run_length);
    const int tiles = network.input.height * network.input.width / cell.pixels();
    std::optional<Weighed> best;
    for (const bool apart : {false, true}) {
        Design design;
        design.cell = cell;
        design.merging = choose_merging(network, cell, options.merge_tiles, apart);
        design.levels = assign_levels(network, design.merging);
        for (auto& parameters : parameter_choices(design.levels, tiles, options)) {
            design.parameters = std::move(parameters);
            const auto takes = weigh(network, design, options);
            if (!best || takes.seconds < best->takes.seconds) best = Weighed{design, takes};
        }
        const auto& merging = design.merging.layers;
        if (std::all_of(merging.begin(), merging.end(), [](int run) { return run == 0; })) break;
    }
    return std::move(*best);
}

/// What zero padding costs is said against the same network, without weights, whose padding is cyclic.
std::optional<plan::CyclicTwin> cyclic_twin(const plan::RealNetwork& network, int run_length,
                                            const CompileOptions& options) {
    plan::RealNetwork twin{network.input, {}};
    bool zeros = false;
    for (const plan::RealLayer& layer : network.layers) {
        plan::RealLayer copy{layer.name, layer.finish, layer.out_channels, layer.height, layer.width, {}, {}, {}};
        for (const auto& operand : layer.operands) {
            zeros |= operand.padding == plan::Padding::zeros;
            copy.operands.push_back({operand.source, operand.channels, operand.stride, operand.taps, {}});
        }
        twin.layers.push_back(std::move(copy));
    }
    if (!zeros) return std::nullopt;
    const Weighed best = best_for(twin, run_length, options);
    const ckks::Parameters parameters(best.design.parameters);
    return plan::CyclicTwin{parameters.log_degree(), parameters.levels(), parameters.log2_qp(), best.takes};
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
