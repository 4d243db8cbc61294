#include "runtime/executor.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "tensor/column_uses.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::runtime {

std::vector<ckks::Ciphertext> execute(const plan::Plan& plan, const SegmentContexts& contexts,
                                      std::span<const ckks::EvaluationKeys> keys, tensor::FeatureMap&& input,
                                      ckks::LimbPool& pool, ThreadPool& threads, const tensor::MemoryPlan& memory,
                                      Progress& progress, std::vector<LayerReport>& reports) {
    const auto layouts = plan::layouts(plan);
    std::vector<tensor::FeatureMap> maps(plan.layers.size() + 1);
    maps[0] = std::move(input);
    const auto costs = tensor::layer_costs(plan, memory, {});
    double total = 0, done = 0;
    for (const auto& cost : costs) total += cost.seconds();

    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const auto& layer = plan.layers[i];
        const auto start = std::chrono::steady_clock::now();
        const std::size_t segment = plan.segment_of(i), reading = plan.reading_segment(i);
        tensor::LinearTarget target{contexts[reading]};
        if (plan.switches_ring(i)) {
            target.bridge = contexts.bridge(reading);
            target.keys = &keys[contexts.section_of(reading) - 1];
        }
        tensor::LinearEngine engine(contexts[segment], keys[contexts.section_of(segment)], target, pool, threads);
        std::vector<tensor::LinearSource> sources;
        for (const auto& operand : layer.operands) {
            auto& map = maps[static_cast<std::size_t>(operand.source + 1)];
            map.drop_to(tensor::level_read_from(plan, operand.source + 1, i));
            sources.push_back({&map, tensor::columns_read_from(plan, layouts, operand.source + 1, i + 1),
                               tensor::columns_rotated(plan, layouts, operand.source + 1)});
        }
        const auto wanted = tensor::columns_to_compute(plan, layouts, i);
        maps[i + 1] = engine.run(layer, sources, layouts[i + 1], wanted, memory.options[i], [&](double fraction) {
            if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted in layer " + layer.name);
            progress.update(done + fraction * costs[i].seconds(), total, layer.name);
        });
        for (std::size_t m = 0; m <= i; ++m) {
            const auto read = tensor::columns_read_from(plan, layouts, static_cast<int>(m), i + 1);
            if (std::none_of(read.begin(), read.end(), [](bool r) { return r; })) maps[m] = {};
        }
        done += costs[i].seconds();
        const auto& times = engine.times();
        reports.push_back({layer.name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                           times.relinearise, times.rotate, times.product, times.finish, pool.peak_bytes()});
    }
    progress.update(total, total, "done");
    return std::move(maps.back().pending);
}

}  // namespace obscura::runtime
