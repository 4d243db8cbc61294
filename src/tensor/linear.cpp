#include "tensor/linear.hpp"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

#include "base/groups.hpp"
#include "tensor/linear_block.hpp"
#include "tensor/stopwatch.hpp"

namespace obscura::tensor {

namespace {

std::vector<int> division_sources(const ckks::Context& context, int level, int dropped) {
    std::vector<int> limbs;
    for (int k = 0; k < context.special_limbs(); ++k) limbs.push_back(context.levels() + k);
    for (int t = level - 1; t >= level - dropped; --t) limbs.push_back(t);
    return limbs;
}

}  // namespace

LinearEngine::LinearEngine(const ckks::Context& context, const ckks::EvaluationKeys& keys, const LinearTarget& target,
                           ckks::LimbPool& pool, ThreadPool& threads)
    : context_(context), keys_(keys), target_(target), pool_(pool), threads_(threads) {
    for (int i = 0; i < threads.size(); ++i) scratch_.push_back(std::make_unique<ckks::SwitchScratch>(context, pool));
}

FeatureMap LinearEngine::run(const plan::Layer& layer, std::vector<LinearSource>& sources, const plan::Layout& output,
                             std::span<const int> wanted, const LinearOptions& options,
                             const std::function<void(double fraction)>& progress) {
    const bool head = layer.finish == plan::Finish::head;
    const bool rescales_there = target_.bridge != nullptr && layer.finish == plan::Finish::square;
    const int dropped = layer.dropped() - (rescales_there ? 1 : 0);
    const int columns = output.columns(), result_level = layer.level - dropped;
    std::vector<plan::Layout> source_layouts;
    for (const auto& source : sources) source_layouts.push_back(source.map->layout);
    const Geometry geometry = make_geometry(layer, source_layouts, output);
    PackedWeights weights(layer);
    const TileMasks masks(context_, geometry, output.batch, layer.level, pool_);

    FeatureMap result;
    result.layout = output;
    result.channels = layer.out_channels;
    const int result_columns = head ? 1 : columns;
    result.is_ready.assign(static_cast<std::size_t>(result_columns), layer.finish == plan::Finish::none);
    const auto count = static_cast<std::size_t>(result_columns) * static_cast<std::size_t>(layer.out_channels);
    if (layer.finish == plan::Finish::none)
        result.ready.resize(count);
    else
        result.pending.resize(count);

    const int group_limbs = std::clamp(options.group_limbs, 1, ckks::SwitchScratch::group);
    const auto division = division_sources(context_, layer.level, dropped);
    std::vector<std::array<ckks::Poly, 2>> head_sums;
    const auto size = static_cast<std::size_t>(std::max(1, options.block_columns));
    const auto last_uses = geometry.last_uses(wanted);
    for (std::size_t first = 0; first < wanted.size(); first += size) {
        progress(static_cast<double>(first) / static_cast<double>(wanted.size()));
        const std::size_t last = std::min(wanted.size(), first + size);
        Block block(layer, sources, geometry, weights, masks);
        block.level = layer.level;
        block.dropped = dropped;
        block.sum_columns = head;
        block.continues = head && first > 0;
        block.merges = layer.masked && !head && layer.borders.empty() && plan::is_identity(layer);
        block.outputs = wanted.subspan(first, last - first);
        for (const auto& [column, shifts] : geometry.needs(block.outputs)) {
            Column c;
            c.operand = column.first;
            c.column = column.second;
            c.shifts.assign(shifts.begin(), shifts.end());
            c.rotated = shifts.size() > 1 || *shifts.begin() != 0;
            block.columns.push_back(std::move(c));
        }
        prepare_columns(sources, block);
        arrange(block);
        if (head && first > 0)
            block.sums = std::exchange(head_sums, {});
        else
            block.sums.resize((head ? 1 : block.outputs.size()) * static_cast<std::size_t>(layer.out_channels));
        for (auto& sum : block.sums)
            for (auto& part : sum) part.limbs.resize(static_cast<std::size_t>(context_.limbs()));

        block.find_last_reads(last_uses, last);
        const auto compute = [&](const std::vector<int>& targets) {
            raise_digits(block, targets);
            block.free_read(targets, targets.back() == result_level - 1, false);
            for (auto& sum : block.sums)
                for (auto& part : sum)
                    for (const int t : targets)
                        if (!part.limbs[static_cast<std::size_t>(t)])
                            part.limbs[static_cast<std::size_t>(t)] = pool_.take();
            multiply(block, targets);
        };
        for (const auto& group : in_groups(0, static_cast<int>(division.size()), group_limbs)) {
            std::vector<int> targets;
            for (const int i : group) targets.push_back(division[static_cast<std::size_t>(i)]);
            compute(targets);
        }
        const bool finished = !head || last == wanted.size();
        const auto target_groups = in_groups(0, result_level, group_limbs);
        if (!head) {
            divide_sources(block);
            block.free_read(division, false, true);
            for (const auto& targets : target_groups) {
                compute(targets);
                divide(block, targets);
                block.free_read(targets, targets.back() == result_level - 1, true);
            }
        } else {
            for (const auto& targets : target_groups) compute(targets);
            if (finished) {
                divide_sources(block);
                for (const auto& targets : target_groups) divide(block, targets);
            }
        }
        if (!finished) {
            head_sums = std::move(block.sums);
        } else {
            std::vector<ckks::Ciphertext> outputs;
            for (auto& sum : block.sums) {
                for (auto& part : sum) part.limbs.resize(static_cast<std::size_t>(result_level));
                outputs.push_back({std::move(sum[0]), std::move(sum[1])});
            }
            if (target_.bridge != nullptr) switch_rings(layer, outputs, block);
            for (std::size_t i = 0; i < outputs.size(); ++i) {
                const auto channels = static_cast<std::size_t>(layer.out_channels);
                const auto at =
                    head ? i : static_cast<std::size_t>(block.outputs[i / channels]) * channels + i % channels;
                if (layer.finish == plan::Finish::none)
                    result.ready[at] = ckks::make_operand(target_.context, std::move(outputs[i]));
                else
                    result.pending[at] = std::move(outputs[i]);
            }
        }
    }
    if (head) sum_tiles(result.pending, output);
    progress(1);
    return result;
}

void LinearEngine::Block::find_last_reads(const LastUses& last_uses, std::size_t end) {
    const auto add = [&](int operand, int column, bool rotated, bool added) {
        FeatureMap* map = sources[static_cast<std::size_t>(operand)].map;
        bool needed = false;
        for (std::size_t o = 0; o < sources.size(); ++o)
            needed |= sources[o].map == map && (sources[o].keep[static_cast<std::size_t>(column)] ||
                                                last_uses.is_read_from({static_cast<int>(o), column}, end));
        if (needed) return;
        auto known = std::find_if(last_reads.begin(), last_reads.end(),
                                  [&](const auto& read) { return read.map == map && read.column == column; });
        if (known == last_reads.end()) known = last_reads.insert(known, {map, column});
        known->rotated |= rotated;
        known->added |= added;
    };
    for (const auto& c : columns) add(c.operand, c.column, c.rotated, false);
    for (const int output : outputs)
        if (geometry.addend)
            add(geometry.addend->operand, geometry.addend->columns[static_cast<std::size_t>(output)], false, true);
}

void LinearEngine::Block::free_read(const std::vector<int>& targets, bool are_last, bool divided) {
    for (const auto& read : last_reads) {
        if (read.added != divided) continue;
        if (are_last)
            read.map->release(read.column);
        else
            read.map->drop_limbs(read.column, targets, !read.rotated);
    }
}

void LinearEngine::prepare_columns(std::vector<LinearSource>& sources, const Block& block) {
    const Stopwatch watch(times_.relinearise);
    struct Task {
        FeatureMap* map;
        std::size_t index;
        bool rotated;
    };
    std::vector<Task> tasks;
    const auto prepare = [&](int operand, int column) {
        const auto& source = sources[static_cast<std::size_t>(operand)];
        const auto at = static_cast<std::size_t>(column);
        auto& map = *source.map;
        if (map.is_ready[at]) return;
        map.is_ready[at] = true;
        map.ready.resize(map.pending.size());
        for (int channel = 0; channel < map.channels; ++channel)
            tasks.push_back({&map, map.at(column, channel), source.rotated[at]});
    };
    for (const auto& c : block.columns) prepare(c.operand, c.column);
    for (const int output : block.outputs)
        if (const auto& addend = block.geometry.addend)
            prepare(addend->operand, addend->columns[static_cast<std::size_t>(output)]);
    threads_.parallel_for(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int worker) {
        const auto& task = tasks[static_cast<std::size_t>(i)];
        task.map->ready[task.index] =
            ckks::square_relinearise(context_, keys_.relinearisation, std::move(task.map->pending[task.index]),
                                     task.rotated, pool_, *scratch_[static_cast<std::size_t>(worker)]);
    });

    // an earlier layer may have rotated them at another level
    std::set<ckks::Operand*> other_level;
    for (const auto& c : block.columns)
        for (int channel = 0; c.rotated && channel < block.channels(c); ++channel) {
            auto& map = *sources[static_cast<std::size_t>(c.operand)].map;
            auto& operand = map.ready[map.at(c.column, channel)];
            if (operand.digit_level != block.level) other_level.insert(&operand);
        }
    const std::vector<ckks::Operand*> reweighted(other_level.begin(), other_level.end());
    threads_.parallel_for(static_cast<std::int64_t>(reweighted.size()), [&](std::int64_t i, int) {
        ckks::weight_digits(context_, *reweighted[static_cast<std::size_t>(i)], block.level);
    });
}

void LinearEngine::raise_digits(Block& block, const std::vector<int>& targets) {
    const Stopwatch watch(times_.rotate);
    constexpr int together = ckks::SwitchScratch::together;
    struct Task {
        Column* column;
        int channel;
    };
    const auto digits = static_cast<std::size_t>(context_.parameters().digits(block.level));
    std::vector<Task> tasks;
    for (auto& column : block.columns) {
        const int channels = block.channels(column);
        const std::size_t rows = static_cast<std::size_t>(channels) * column.rows(digits);
        column.raised.clear();
        column.has_c0.clear();
        column.has_c1.clear();
        for (const int t : targets) {
            column.raised.emplace_back(pool_, context_.degree(), rows, block.part_log);
            const auto& operand = block.operand(column, 0);
            const auto limb = static_cast<std::size_t>(t);
            column.has_c0.push_back(operand.extended0[limb] != nullptr);
            column.has_c1.push_back(operand.has_digits() ? t < block.level : operand.extended1[limb] != nullptr);
        }
        for (int channel = 0; channel < channels; channel += together) tasks.push_back({&column, channel});
    }
    threads_.parallel_for(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int worker) {
        const auto& [column, first] = tasks[static_cast<std::size_t>(i)];
        const int last = std::min(first + together, block.channels(*column));
        raise_channels(block, *column, first, last, targets, *scratch_[static_cast<std::size_t>(worker)]);
    });
}

void LinearEngine::raise_channels(Block& block, Column& column, int first, int last, const std::vector<int>& targets,
                                  ckks::SwitchScratch& scratch) {
    const int digit_limbs = context_.parameters().digit_limbs();
    const auto digits = static_cast<std::size_t>(context_.parameters().digits(block.level));
    const auto count = static_cast<std::size_t>(last - first);
    std::vector<std::vector<u32*>> out(count);  // [channel][digit][target]
    std::vector<std::vector<const u32*>> sources(count);
    std::vector<ckks::ModUpItem> items;
    for (std::size_t c = 0; c < count; ++c) {
        const auto& operand = block.operand(column, first + static_cast<int>(c));
        assert(!column.rotated || (operand.has_digits() && operand.digit_level == block.level));
        for (std::size_t k = 0; k < digits * targets.size(); ++k)
            out[c].push_back(scratch.raised[c * digits * targets.size() + k].get());
        for (int t = 0; column.rotated && t < block.level; ++t)
            sources[c].push_back(operand.digits1[static_cast<std::size_t>(t)]);
        items.push_back({sources[c].data(), out[c].data()});
    }
    if (column.rotated) ckks::mod_up_coefficients(context_, items, block.level, false, targets);
    for (std::size_t k = 0; k < targets.size(); ++k) {
        const int t = targets[k];
        if (column.rotated) ckks::mod_up_evaluations(context_, items, block.level, targets, k);
        std::vector<const u32*> rows;
        for (std::size_t c = 0; c < count; ++c) {
            const auto& operand = block.operand(column, first + static_cast<int>(c));
            rows.push_back(operand.extended0[static_cast<std::size_t>(t)]);
            assert((rows.back() != nullptr) == column.has_c0[k]);
            if (!operand.has_digits()) rows.push_back(operand.extended1[static_cast<std::size_t>(t)]);
            const std::size_t raised = operand.has_digits() ? digits : 0;
            for (std::size_t d = 0; d < raised; ++d) {
                const bool own = t < block.level && static_cast<int>(d) == t / digit_limbs;
                u32* row = out[c][d * targets.size() + k];
                if (own) ckks::digit_evaluations(context_, operand.digits1, operand.digit_level, t, row);
                if (own || column.rotated) rows.push_back(row);
            }
            rows.resize((c + 1) * column.rows(digits), nullptr);
        }
        column.raised[k].store(static_cast<std::size_t>(first) * column.rows(digits), rows);
    }
}

}  // namespace obscura::tensor
