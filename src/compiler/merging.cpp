#include "compiler/merging.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "plan/layout.hpp"

namespace obscura::compiler {
namespace {

using plan::Layout;

/// The layout a stride leaves without merging, if there is one.
std::optional<Layout> natural(const Layout& source, int stride) {
    try {
        return plan::strided(source, stride);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::unsupported || source.height % stride != 0 || source.width % stride != 0) throw;
        return std::nullopt;
    }
}

bool readers_fit(const plan::RealNetwork& network, int source, const Layout& layout) {
    for (const auto& layer : network.layers)
        for (const auto& operand : layer.operands)
            if (operand.source == source && !plan::fits(layout, operand.padding, operand.taps, operand.stride))
                return false;
    return true;
}

void check_readers(const plan::RealNetwork& network, int source, const Layout& layout) {
    if (!readers_fit(network, source, layout))
        throw Error(ErrorCode::unsupported,
                    fmt::format("cells of {}x{} pixels of {}x{} do not fit the padding of the convolutions that read "
                                "them; use a longer run, or train with raster padding",
                                layout.cell.height, layout.cell.width, layout.height, layout.width));
}

/// The layer's other operands, which read `source` at stride 1, fix the layout.
std::optional<Layout> fixed_layout(const plan::RealLayer& layer, const std::vector<Layout>& layouts) {
    for (const auto& operand : layer.operands)
        if (operand.stride == 1) return layouts[static_cast<std::size_t>(operand.source + 1)];
    return std::nullopt;
}

/// Is there a rotation to be saved, and one grid that all operands' sums are taken on? Zero padding would have to be
/// masked before the sums are merged, for one more prime.
bool can_convolve_first(const plan::RealLayer& layer) {
    const int stride = layer.operands.front().stride;
    return std::any_of(layer.operands.begin(), layer.operands.end(),
                       [](const auto& operand) { return operand.taps.size() > 1; }) &&
           std::all_of(layer.operands.begin(), layer.operands.end(), [&](const auto& operand) {
               return operand.stride == stride && operand.padding != plan::Padding::zeros;
           });
}

const std::vector<plan::Tap> centre{{0, 0}};

/// Each output channel is the channel of layer `source` of the same number.
plan::Operand identity(int source, int channels, int stride) {
    plan::Operand operand{source, channels, stride, centre, {}};
    const auto count = static_cast<std::size_t>(channels);
    operand.weights.assign(count * count, 0);
    for (std::size_t c = 0; c < count; ++c) operand.weights[c * count + c] = 1;
    return operand;
}

/// A layer that leaves plain sums for `layer`.
plan::Layer part_of(const plan::Layer& layer, const std::string& suffix, int level) {
    plan::Layer part;
    part.name = layer.name + suffix;
    part.finish = plan::Finish::none;
    part.out_channels = layer.out_channels;
    part.height = layer.height;
    part.width = layer.width;
    part.level = level;
    return part;
}

/// Operands that are split off come back as they are, from the layout of the output; but what their zero padding does
/// to constants stays with the layer.
bool padding_needs_masks(const plan::RealLayer& layer, const std::vector<int>& operand_runs,
                         const std::vector<Layout>& layouts, const Layout& output) {
    plan::Layer outline = plan::outline(layer);
    std::vector<Layout> sources;
    for (std::size_t o = 0; o < outline.operands.size(); ++o) {
        plan::Operand& operand = outline.operands[o];
        sources.push_back(operand_runs[o] != 0 ? output : layouts[static_cast<std::size_t>(operand.source + 1)]);
        if (operand_runs[o] == 0) continue;
        if (operand.padding == plan::Padding::zeros)
            for (const plan::Tap& tap : operand.taps) outline.borders.push_back({operand.stride, tap, {}});
        operand = {operand.source, layer.out_channels, 1, centre, {}};
    }
    return plan::needs_masks(outline, sources, output);
}

}  // namespace

Merging choose_merging(const plan::RealNetwork& network, plan::Cell cell, bool wanted, bool apart,
                       const std::vector<int>& shrinks) {
    const int pixels = network.input.height * network.input.width;
    // One image a tile: how many there are does not matter here.
    std::vector<Layout> layouts{
        {network.input.height, network.input.width, cell, 1, 1, std::max(1, pixels / cell.pixels())}};
    Merging merging;
    merging.cell = cell;
    check_readers(network, -1, layouts.front());
    for (const auto& layer : network.layers) {
        const int index = static_cast<int>(merging.layers.size());
        auto& operand_runs = merging.operands.emplace_back(layer.operands.size(), 0);
        int run = 0;
        std::optional<Layout> output = fixed_layout(layer, layouts);
        if (!output) {
            const auto& operand = layer.operands.front();
            const Layout& source = layouts[static_cast<std::size_t>(operand.source + 1)];
            output = natural(source, operand.stride);
            if (wanted && layer.finish != plan::Finish::head && (!output || output->gap > source.gap)) {
                const int densest = plan::densest_run(source, operand.stride);
                const int shrink = shrinks.empty() ? 0 : shrinks[static_cast<std::size_t>(index)];
                const Layout dense = plan::merged(source, operand.stride, densest, source.tiles >> shrink);
                if (!output || (dense != *output && readers_fit(network, index, dense))) {
                    run = densest;
                    output = dense;
                }
            }
            if (!output) output = plan::strided(source, operand.stride);  // throws, saying what to do
        }
        for (std::size_t o = 0; o < layer.operands.size(); ++o) {
            const auto& operand = layer.operands[o];
            const Layout& source = layouts[static_cast<std::size_t>(operand.source + 1)];
            if (run != 0 ? plan::merged(source, operand.stride, run, output->tiles) == *output
                         : natural(source, operand.stride) == output)
                continue;
            if (!wanted || operand.stride == 1 ||
                plan::merged(source, operand.stride, output->cell.pixels(), output->tiles) != *output)
                throw Error(ErrorCode::unsupported,
                            fmt::format("{}: operands in layouts that cannot be brought together; use a run length of "
                                        "at least a row",
                                        layer.name));
            operand_runs[o] = output->cell.pixels();
        }
        merging.layers.push_back(run);
        merging.apart.push_back(apart && run != 0 && can_convolve_first(layer));
        merging.masked.push_back(run != 0 || padding_needs_masks(layer, operand_runs, layouts, *output));
        check_readers(network, index, *output);
        layouts.push_back(*output);
        merging.outputs.push_back(*output);
    }
    return merging;
}

std::vector<int> split_layers(plan::Plan& plan, const Merging& merging, const std::vector<std::vector<int>>& levels) {
    std::vector<plan::Layer> layers;
    std::vector<int> tiles;  // [new layer] of its output
    std::vector<int> moved;  // [old layer] its new index
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        plan::Layer layer = std::move(plan.layers[i]);
        for (std::size_t o = 0; o < layer.operands.size(); ++o) {
            plan::Operand& operand = layer.operands[o];
            if (operand.source >= 0) operand.source = moved[static_cast<std::size_t>(operand.source)];
            const int run = merging.operands[i][o];
            if (run == 0) continue;
            plan::Layer part = part_of(layer, ".shortcut", levels[i][o]);
            part.merged_run = run;
            part.masked = true;
            const int merged = static_cast<int>(layers.size());
            if (operand.channels <= layer.out_channels && operand.taps == centre) {
                part.out_channels = operand.channels;
                part.operands.push_back(identity(operand.source, operand.channels, operand.stride));
                operand.source = merged;
                operand.stride = 1;
            } else {
                part.operands.push_back(std::move(operand));
                operand = identity(merged, layer.out_channels, 1);
            }
            layers.push_back(std::move(part));
            tiles.push_back(merging.outputs[i].tiles);
        }
        if (merging.apart[i]) {
            plan::Layer part = part_of(layer, ".sums", layer.level);
            const int stride = layer.operands.front().stride;
            part.height *= stride;
            part.width *= stride;
            part.operands = std::move(layer.operands);
            for (plan::Operand& operand : part.operands) operand.stride = 1;
            const int source = part.operands.front().source;
            tiles.push_back(source < 0 ? plan.input.height * plan.input.width / merging.cell.pixels()
                                       : tiles[static_cast<std::size_t>(source)]);
            layer.operands = {identity(static_cast<int>(layers.size()), layer.out_channels, stride)};
            layers.push_back(std::move(part));
        }
        moved.push_back(static_cast<int>(layers.size()));
        layers.push_back(std::move(layer));
        tiles.push_back(merging.outputs[i].tiles);
    }
    plan.layers = std::move(layers);
    return tiles;
}

}  // namespace obscura::compiler
