#include "tensor/memory_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "tensor/column_uses.hpp"
#include "tensor/geometry.hpp"

namespace obscura::tensor {

namespace {

/// Output columns of a block beyond this gain nothing: repeated work at block edges is a few percent.
constexpr int largest_block = 16;

/// A feature map without its data: limbs of every column.
struct MapSize {
    int channels = 0;
    std::vector<std::uint64_t> column_limbs;
    std::vector<bool> is_ready;
    std::vector<std::uint64_t> extended;  ///< [column] how many of c0 and c1 have special limbs

    void resize(std::size_t columns, bool ready) {
        column_limbs.assign(columns, 0);
        is_ready.assign(columns, ready);
        extended.assign(columns, 0);
    }
};

/// What a layer reads, and what is read after it, whichever way it is cut.
struct LayerReads {
    Geometry geometry;
    std::vector<int> wanted;                 ///< output columns
    LastUses last_uses;                      ///< of `wanted`
    std::vector<std::vector<bool>> later;    ///< [operand][source column], by a later layer
    std::vector<std::vector<bool>> rotated;  ///< [operand][source column], by any layer
    std::vector<bool> map_later;             ///< [map up to the layer's input], by a later layer
};

LayerReads layer_reads(const plan::Plan& plan, const std::vector<plan::Layout>& layouts, std::size_t i) {
    const auto& layer = plan.layers[i];
    std::vector<plan::Layout> sources;
    LayerReads result;
    for (const auto& operand : layer.operands) {
        sources.push_back(layouts[static_cast<std::size_t>(operand.source + 1)]);
        result.later.push_back(columns_read_from(plan, layouts, operand.source + 1, i + 1));
        result.rotated.push_back(columns_rotated(plan, layouts, operand.source + 1));
    }
    result.geometry = make_geometry(layer, sources, layouts[i + 1]);
    result.wanted = columns_to_compute(plan, layouts, i);
    result.last_uses = result.geometry.last_uses(result.wanted);
    for (std::size_t m = 0; m <= i; ++m) {
        const auto read = columns_read_from(plan, layouts, static_cast<int>(m), i + 1);
        result.map_later.push_back(std::find(read.begin(), read.end(), true) != read.end());
    }
    return result;
}

struct Simulation {
    const plan::Plan& plan;
    std::uint64_t fixed = 0;
    std::vector<MapSize> maps;

    std::uint64_t special(std::size_t segment) const { return plan.segments[segment].parameters.special.size(); }
    std::uint64_t digits(int level, std::size_t segment) const {
        const auto size = static_cast<unsigned>(plan.segments[segment].parameters.digit_limbs);
        return (static_cast<std::uint64_t>(level) + size - 1) / size;
    }
    /// Evaluation keys of all segments.
    std::uint64_t keys() const;
    /// Room of threads that switch keys.
    std::uint64_t scratch(std::size_t segment, int threads) const;
    std::uint64_t in_maps() const {
        std::uint64_t sum = fixed;
        for (const auto& map : maps)
            for (const auto limbs : map.column_limbs) sum += limbs;
        return sum;
    }
    /// Limbs at the worst moment of a layer.
    std::uint64_t run_layer(std::size_t i, const LayerReads& reads, const plan::Layout& output,
                            const LinearOptions& options);
};

std::uint64_t Simulation::keys() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        const auto& segment = plan.segments[i];
        const auto key = [&](int level) {
            return 2 * digits(level, i) * (static_cast<std::uint64_t>(level) + special(i));
        };
        if (i > 0 && segment.parameters.log_degree < plan.segments[i - 1].parameters.log_degree)
            sum += key(static_cast<int>(segment.parameters.chain.size()));
        if (segment.relinearisation_level != 0) sum += key(segment.relinearisation_level);
        for (const auto& rotation : segment.rotation_keys) sum += key(rotation.level);
    }
    return sum;
}

std::uint64_t Simulation::scratch(std::size_t segment, int threads) const {
    const auto levels = plan.segments[segment].parameters.chain.size();
    return static_cast<std::uint64_t>(threads) *
           (2 * levels +
            digits(static_cast<int>(levels), segment) * ckks::SwitchScratch::group * ckks::SwitchScratch::together +
            special(segment) + ckks::SwitchScratch::group + 1);
}

std::uint64_t Simulation::run_layer(std::size_t i, const LayerReads& reads, const plan::Layout& output,
                                    const LinearOptions& options) {
    const auto& layer = plan.layers[i];
    const Geometry& geometry = reads.geometry;
    const bool head = layer.finish == plan::Finish::head;
    const std::size_t segment = plan.segment_of(i);
    const std::uint64_t special = this->special(segment);
    const int smaller = plan.parameters().log_degree - plan.segments[segment].parameters.log_degree;
    const auto level = static_cast<std::uint64_t>(layer.level),
               result_level = static_cast<std::uint64_t>(layer.output_level());
    for (const auto& operand : layer.operands) {
        auto& map = maps[static_cast<std::size_t>(operand.source + 1)];
        const auto kept = static_cast<std::uint64_t>(level_read_from(plan, operand.source + 1, i));
        for (std::size_t c = 0; c < map.column_limbs.size(); ++c)
            if (map.is_ready[c] && map.column_limbs[c] > 0) {
                const auto most = static_cast<std::uint64_t>(map.channels) * (2 * kept + map.extended[c] * special);
                map.column_limbs[c] = std::min(map.column_limbs[c], most);
            }
    }
    auto& result = maps[i + 1];
    result.channels = layer.out_channels;
    const auto outputs = static_cast<std::uint64_t>(layer.out_channels);
    result.resize(static_cast<std::size_t>(head ? 1 : output.columns()), layer.finish == plan::Finish::none);

    std::uint64_t peak = in_maps();
    std::span<const int> rest = reads.wanted;
    while (!rest.empty()) {
        const auto block = rest.first(std::min(rest.size(), static_cast<std::size_t>(options.block_columns)));
        rest = rest.subspan(block.size());
        const std::size_t done = reads.wanted.size() - rest.size();
        std::uint64_t raised = 0;  // for each target
        struct LastRead {
            bool rotated = false, added = false;
        };
        std::map<std::pair<int, std::size_t>, LastRead> last_reads;  // (map, column)
        const auto read = [&](const SourceColumn& column, bool rotated, bool added) {
            const int m = layer.operands[static_cast<std::size_t>(column.first)].source + 1;
            auto& map = maps[static_cast<std::size_t>(m)];
            const auto c = static_cast<std::size_t>(column.second);
            if (!map.is_ready[c]) {
                map.is_ready[c] = true;
                map.extended[c] = reads.rotated[static_cast<std::size_t>(column.first)][c] ? 1 : 2;
                map.column_limbs[c] += static_cast<std::uint64_t>(map.channels) * map.extended[c] * special;
            }
            bool needed = reads.later[static_cast<std::size_t>(column.first)][c];
            for (std::size_t o = 0; o < layer.operands.size(); ++o)
                needed |= layer.operands[o].source + 1 == m &&
                          reads.last_uses.is_read_from({static_cast<int>(o), column.second}, done);
            if (needed) return;
            auto& last = last_reads[{m, c}];
            last.rotated |= rotated;
            last.added |= added;
        };
        for (const auto& [column, shifts] : geometry.needs(block)) {
            const bool rotated = shifts.size() > 1 || *shifts.begin() != 0;
            const auto channels =
                static_cast<std::uint64_t>(layer.operands[static_cast<std::size_t>(column.first)].channels);
            const auto rows = channels * (1 + (rotated ? digits(layer.level, segment) : 1));
            raised += ((rows - 1) >> smaller) + 1;
            read(column, rotated, false);
        }
        if (const auto& addend = geometry.addend)
            for (const int d : block)
                read({addend->operand, addend->columns[static_cast<std::size_t>(d)]}, false, true);
        // a head keeps the sums of all its blocks, and there are few of them
        const std::uint64_t polynomials = head ? 0 : 2 * block.size() * outputs;
        std::uint64_t sums =
            geometry.masks.size() * (level + special) + (head ? 2 * outputs * (level + special + 1) : 0);
        // groups of targets: first those that the division takes from, special and dropped ones, then the result's
        std::uint64_t group = 0;
        const auto look = [&] { peak = std::max(peak, in_maps() + raised * group + sums); };
        const auto free = [&](std::uint64_t count, std::uint64_t chain, bool are_last, bool divided) {
            for (const auto& [at, last] : last_reads) {
                if (last.added != divided) continue;
                auto& map = maps[static_cast<std::size_t>(at.first)];
                auto& limbs = map.column_limbs[at.second];
                const auto channels = static_cast<std::uint64_t>(map.channels);
                const std::uint64_t freed = chain * (last.rotated ? 1 : 2) + map.extended[at.second] * (count - chain);
                limbs = are_last ? 0 : limbs - std::min(limbs, freed * channels);
            }
        };
        const auto run_groups = [&](std::uint64_t first, std::uint64_t end, bool divided) {
            for (std::uint64_t t = first; t < end; t += static_cast<unsigned>(options.group_limbs)) {
                const std::uint64_t group_end = std::min(end, t + static_cast<unsigned>(options.group_limbs));
                group = group_end - t;
                const std::uint64_t chain = t >= special ? group : group_end > special ? group_end - special : 0;
                const bool are_last = group_end == special + level;
                look();
                free(group, chain, are_last, false);
                sums += polynomials * group;
                look();
                if (divided) free(group, chain, are_last, true);
            }
        };
        const std::uint64_t sources = special + level - result_level;
        run_groups(0, sources, false);
        sums += polynomials;  // the quotients of the division
        look();
        free(sources, level - result_level, false, true);
        run_groups(sources, special + level, true);
        for (const int d : block)
            if (!head) result.column_limbs[static_cast<std::size_t>(d)] = 2 * outputs * result_level;
        if (head) result.column_limbs[0] = 2 * outputs * result_level;
    }
    for (std::size_t m = 0; m <= i; ++m)
        if (!reads.map_later[m]) maps[m] = {};
    return peak;
}

/// From the fastest way to the one that takes least memory.
std::vector<LinearOptions> ways_to_cut() {
    LinearOptions cut;
    std::vector<LinearOptions> result;
    for (cut.block_columns = largest_block; cut.block_columns > 1; --cut.block_columns) result.push_back(cut);
    for (; cut.group_limbs > 0; --cut.group_limbs) result.push_back(cut);
    return result;
}

}  // namespace

std::uint64_t limb_bytes(const plan::Plan& plan) {
    return ring::LimbPool(std::size_t{1} << plan.parameters().log_degree).limb_bytes();
}

std::uint64_t MemoryPlan::peak() const {
    return *std::max_element(limbs.begin(), limbs.end());
}

MemoryPlan plan_memory(const plan::Plan& plan, std::uint64_t budget_bytes, int threads) {
    const auto layouts = plan::layouts(plan);
    Simulation simulation{plan, 0, std::vector<MapSize>(plan.layers.size() + 1)};
    simulation.fixed = simulation.keys();
    std::uint64_t scratch = 0;
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        std::uint64_t here = simulation.scratch(i, threads);
        if (i > 0 && plan.segments[i].parameters.log_degree < plan.segments[i - 1].parameters.log_degree)
            here += simulation.scratch(i - 1, threads);  // both at once where rings are switched
        scratch = std::max(scratch, here);
    }
    simulation.fixed += scratch;
    auto& input = simulation.maps[0];
    input.channels = plan.input.channels;
    input.resize(static_cast<std::size_t>(layouts[0].columns()), true);
    for (auto& limbs : input.column_limbs)
        limbs = 2ull * static_cast<unsigned>(plan.input.channels) * static_cast<unsigned>(plan.layers[0].level);

    MemoryPlan result;
    const std::uint64_t budget = budget_bytes / limb_bytes(plan);
    const auto cuts = ways_to_cut();
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const LayerReads reads = layer_reads(plan, layouts, i);
        for (const LinearOptions& cut : cuts) {
            Simulation attempt = simulation;
            const auto limbs = attempt.run_layer(i, reads, layouts[i + 1], cut);
            if (limbs > budget && &cut != &cuts.back()) continue;
            result.options.push_back(cut);
            result.limbs.push_back(limbs);
            simulation.maps = std::move(attempt.maps);
            break;
        }
    }
    return result;
}

MemoryPlan plan_process_memory(const plan::Plan& plan, std::uint64_t bytes, int threads) {
    MemoryPlan memory = plan_memory(plan, residue_bytes(bytes), threads);
    const std::uint64_t needed = memory.peak() * limb_bytes(plan) + process_bytes;
    if (needed > bytes)
        throw Error(ErrorCode::resource,
                    fmt::format("{} MB are not enough to run this plan: with {} threads it takes at least {} MB. Allow "
                                "more memory or fewer threads, or compile the network for less memory",
                                bytes / 1'000'000, threads, (needed + 999'999) / 1'000'000));
    return memory;
}

}  // namespace obscura::tensor
