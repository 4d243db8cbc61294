#include "plan/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <map>

#include "base/error.hpp"

namespace obscura::plan {
namespace {

bool power_of_two(int n) {
    return n > 0 && std::has_single_bit(static_cast<unsigned>(n));
}

/// Quotient rounded down and remainder in [0, divisor).
int floor_divide(int value, int divisor, int& remainder) {
    int quotient = value / divisor;
    remainder = value % divisor;
    if (remainder < 0) {
        remainder += divisor;
        --quotient;
    }
    return quotient;
}

}  // namespace

Cell cell_of(int pixels, int width, int wrap) {
    const int across = wrap < 1 ? 0 : std::min(width, pixels / wrap);
    if (across < 1 || pixels % across != 0)
        throw Error(ErrorCode::unsupported,
                    fmt::format("cells of {} pixels in images {} wide: padding that wraps by {} rows needs cells of so "
                                "many rows, or of whole rows",
                                pixels, width, wrap));
    return {pixels / across, across};
}

Layout input_layout(int height, int width, Cell cell, int log_degree, int copies) {
    if (!power_of_two(copies) || copies > 1 << log_degree)
        throw Error(ErrorCode::unsupported,
                    fmt::format("{} copies in 2^{} slots: must be a power of two, no more", copies, log_degree));
    const int slots = (1 << log_degree) / copies;
    const int pixels = height * width;
    if (!power_of_two(cell.height) || !power_of_two(cell.width) || height % cell.height != 0 ||
        width % cell.width != 0 || !power_of_two(pixels / cell.pixels()) || pixels / cell.pixels() > slots)
        throw Error(ErrorCode::unsupported,
                    fmt::format("cells of {}x{} pixels for images of {}x{} in {} slots: both sides must be powers of "
                                "two that divide the image's, and leave a power of two of at most {} cells",
                                cell.height, cell.width, height, width, slots, slots));
    const int tiles = pixels / cell.pixels();
    return Layout{height, width, cell, 1, slots / tiles, tiles, copies};
}

Layout strided(const Layout& source, int stride) {
    if (stride == 1) return source;
    if (stride != 2 || source.height % 2 != 0 || source.width % 2 != 0)
        throw Error(ErrorCode::unsupported,
                    fmt::format("stride {} on {}x{} pixels: only stride 2 on even sizes is supported", stride,
                                source.height, source.width));
    Layout output = source;
    output.height /= 2;
    output.width /= 2;
    if (source.cell.height % 2 == 0) {
        output.cell.height /= 2;
        if (source.cell.width == 1)
            output.gap *= 2;
        else
            output.cell.width /= 2;
    } else if (source.cell.width == source.width) {
        output.cell.width /= 2;
        output.gap *= 2;
    } else {
        throw Error(ErrorCode::unsupported, fmt::format("stride 2 on {}x{} pixels in runs of {} needs merged tiles; "
                                                        "compile with merging, or use a run length of at least a row",
                                                        source.height, source.width, source.cell.width));
    }
    return output;
}

Layout merged(const Layout& source, int stride, int run, int tiles) {
    Layout output = source;
    if (tiles != 0) output.tiles = tiles;
    output.height /= stride;
    output.width /= stride;
    const int pixels = output.pixels();
    if (source.height % stride != 0 || source.width % stride != 0 || !power_of_two(run) || pixels % run != 0 ||
        !power_of_two(pixels / run) || output.tiles > source.tiles || pixels / run > output.tiles ||
        (run > output.width && run % output.width != 0))
        throw Error(ErrorCode::unsupported,
                    fmt::format("merging {}x{} pixels of stride {} into runs of {} pixels in {} tiles", source.height,
                                source.width, stride, run, output.tiles));
    output.cell = cell_of(run, output.width);
    output.gap = output.tiles / (pixels / run);
    return output;
}

int densest_run(const Layout& source, int stride) {
    return std::max(1, source.pixels() / (stride * stride) / source.tiles);
}

std::vector<Phase> phases(const Layout& source, const Layout& output, int stride, int output_column) {
    assert(output_column >= 0 && output_column < output.columns());
    std::vector<Phase> result;
    for (int i = 0; i < output.valid_tiles(); ++i) {
        const int pixel = output.pixel(i, output_column), tile = i * output.gap;
        const int centre = stride * (pixel / output.width * source.width + pixel % output.width);
        SourcePosition position{source.column(centre), 0};
        floor_divide(source.tile(centre) - tile, source.tiles, position.tile_shift);
        auto phase = std::find_if(result.begin(), result.end(), [&](const Phase& p) { return p.centre == position; });
        if (phase == result.end())
            phase = result.insert(phase, {position, std::vector<bool>(static_cast<std::size_t>(source.tiles), false)});
        // Idle tiles go with the tile before them, and so compute the network on images shifted by some pixels. Left
        // empty they would compute it on nothing, which no calibration covers: values can explode, and spoil the batch.
        for (int idle = 0; idle < output.gap; ++idle) phase->tiles[static_cast<std::size_t>(tile + idle)] = true;
    }
    return result;
}

SourcePosition neighbour(const Layout& source, SourcePosition centre, Tap tap, int wrap) {
    const Cell& cell = source.cell;
    int y = 0, x = 0;
    int across = floor_divide(centre.column % cell.width + tap.dx, cell.width, x);
    int row = centre.column / cell.width + tap.dy;
    if (cell.width == source.width) {  // round the image inside of the cells
        row += across * wrap;
        across = 0;
    }
    const int down = floor_divide(row, cell.height, y);
    SourcePosition position{y * cell.width + x, 0};
    floor_divide(centre.tile_shift + (down * source.cells_across() + across) * source.gap, source.tiles,
                 position.tile_shift);
    return position;
}

bool fits(const Layout& source, Padding padding, const std::vector<Tap>& taps, int stride) {
    const bool same_order = padding.wrap % source.height == source.cell.height % source.height;
    if (source.cell.width == source.width || padding == Padding::zeros || same_order) return true;
    return std::all_of(taps.begin(), taps.end(), [&](Tap tap) { return tap.dx == 0 || stays_inside(tap, stride); });
}

std::vector<bool> inside_tiles(const Layout& output, Tap tap, int stride, int output_column) {
    std::vector<bool> result(static_cast<std::size_t>(output.tiles), false);
    for (int i = 0; i < output.valid_tiles(); ++i) {
        const int pixel = output.pixel(i, output_column);
        const bool inside =
            is_inside(tap, stride, pixel / output.width, pixel % output.width, output.height, output.width);
        for (int idle = 0; idle < output.gap; ++idle) result[static_cast<std::size_t>(i * output.gap + idle)] = inside;
    }
    return result;
}

std::vector<Read> reads(const Layout& source, const Layout& output, const Operand& operand, int output_column) {
    std::vector<std::vector<bool>> inside;  // [tap], empty where the padding does not matter
    for (const Tap& tap : operand.taps) {
        auto& tiles = inside.emplace_back();
        if (operand.padding == Padding::zeros && !stays_inside(tap, operand.stride))
            tiles = inside_tiles(output, tap, operand.stride, output_column);
    }
    std::vector<Read> result;
    for (const Phase& phase : phases(source, output, operand.stride, output_column))
        for (std::size_t tap = 0; tap < operand.taps.size(); ++tap) {
            Read read{static_cast<int>(tap), neighbour(source, phase.centre, operand.taps[tap], operand.padding.wrap),
                      phase.tiles};
            for (std::size_t tile = 0; tile < inside[tap].size(); ++tile)
                if (!inside[tap][tile]) read.tiles[tile] = false;
            if (inside[tap].empty() || std::find(read.tiles.begin(), read.tiles.end(), true) != read.tiles.end())
                result.push_back(std::move(read));
        }
    return result;
}

bool needs_masks(const Layer& layer, const std::vector<Layout>& sources, const Layout& output) {
    const std::vector<bool> all(static_cast<std::size_t>(output.tiles), true), none(all.size(), false);
    for (int column = 0; column < output.columns(); ++column) {
        for (std::size_t o = 0; o < layer.operands.size(); ++o)
            for (const Read& read : reads(sources[o], output, layer.operands[o], column))
                if (read.tiles != all) return true;
        for (const Border& border : layer.borders) {
            const auto inside = inside_tiles(output, border.tap, border.stride, column);
            if (inside != all && inside != none) return true;
        }
    }
    return false;
}

std::vector<Layout> layouts(const Plan& plan) {
    const auto& input = plan.input;
    std::vector<Layout> result{
        input_layout(input.height, input.width, plan.cell, plan.parameters().log_degree, plan.copies)};
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Layer& layer = plan.layers[i];
        const auto fail = [&](const std::string& what) {
            throw Error(ErrorCode::format, fmt::format("layer {} ({}): {}", i, layer.name, what));
        };
        if (layer.operands.empty()) fail("no operand");
        Layout output;
        const int shrink = plan.segments[plan.segment_of(i)].parameters.log_degree -
                           plan.segments[plan.reading_segment(i)].parameters.log_degree;
        if (shrink < 0) fail("its output goes to a larger ring");
        for (const Operand& operand : layer.operands) {
            if (operand.source < -1 || operand.source >= static_cast<int>(i))
                fail(fmt::format("reads layer {}, which is not an earlier one", operand.source));
            const Layout& source = result[static_cast<std::size_t>(operand.source + 1)];
            if (!fits(source, operand.padding, operand.taps, operand.stride))
                fail(fmt::format("padding that wraps by {} rows in cells of {}x{} pixels", operand.padding.wrap,
                                 source.cell.height, source.cell.width));
            const bool merges = layer.merged_run != 0;
            const int tiles = source.tiles >> shrink, copies = source.copies >> shrink;
            if (merges && tiles == 0)
                fail(fmt::format("{} tiles do not fit a ring of 2^{} times fewer slots", source.tiles, shrink));
            if (merges && shrink > 0 && source.copies > 1)
                fail(fmt::format("{} copies go to a smaller ring, merged", source.copies));
            if (!merges && copies == 0)
                fail(fmt::format("{} copies in a ring of 2^{} times fewer slots, and it does not merge its tiles",
                                 source.copies, shrink));
            Layout here =
                merges ? merged(source, operand.stride, layer.merged_run, tiles) : strided(source, operand.stride);
            if (!merges) here.copies = copies;
            if (layer.merged_run != 0 && source != result[static_cast<std::size_t>(layer.operands[0].source + 1)])
                fail("merges sources of different layouts");
            if (&operand != layer.operands.data() && here != output)
                fail(fmt::format("operands of {}x{} and {}x{} pixels", output.height, output.width, here.height,
                                 here.width));
            output = here;
        }
        if (output.height != layer.height || output.width != layer.width)
            fail(fmt::format("stated output of {}x{} pixels, operands give {}x{}", layer.height, layer.width,
                             output.height, output.width));
        result.push_back(output);
    }
    return result;
}

std::vector<int> head_steps(const Layout& layout) {
    std::vector<int> steps;
    for (int tile = layout.gap; tile < layout.tiles; tile *= 2) steps.push_back(tile * layout.batch);
    return steps;
}

std::vector<RotationKeyRequest> layer_rotations(const Plan& plan, const std::vector<Layout>& layouts,
                                                std::size_t index) {
    const Layer& layer = plan.layers[index];
    const Layout& output = layouts[index + 1];
    std::vector<RotationKeyRequest> result;
    const auto need = [&](int step, int level) {
        if (step != 0) result.push_back({step, level});
    };
    for (const Operand& operand : layer.operands) {
        const Layout& source = layouts[static_cast<std::size_t>(operand.source + 1)];
        for (int column = 0; column < output.columns(); ++column)
            for (const Read& read : reads(source, output, operand, column))
                need(read.from.tile_shift * source.batch, layer.level);
    }
    if (layer.finish == Finish::head)
        for (const int step : head_steps(output)) need(step, layer.output_level());
    return result;
}

std::vector<RotationKeyRequest> required_rotations(const Plan& plan, std::size_t segment) {
    const std::vector<Layout> all = layouts(plan);
    std::map<int, int> level_of_step;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        if (plan.segment_of(i) != segment) continue;
        for (const auto& [step, level] : layer_rotations(plan, all, i))
            level_of_step[step] = std::max(level_of_step[step], level);
    }
    std::vector<RotationKeyRequest> result;
    for (const auto& [step, level] : level_of_step) result.push_back({step, level});
    return result;
}

}  // namespace obscura::plan
