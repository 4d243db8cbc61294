#include "runtime/executor.hpp"

#include <chrono>
#include <cmath>

#include "base/error.hpp"

namespace obscura::runtime {

namespace {

/// Rough relative cost of a layer: transforms of its inputs and outputs, and its matrix product (in transforms).
double cost(const plan::Plan& plan, const plan::Layer& layer, const plan::Layout& output,
            const std::vector<plan::Layout>& layouts) {
    const double special = static_cast<double>(plan.parameters.special.size());
    const double limbs = layer.level + special,
                 digits = std::ceil(layer.level / static_cast<double>(plan.parameters.digit_limbs));
    double rows = 0, inputs = 0;
    for (const auto& operand : layer.operands) {
        rows += static_cast<double>(operand.taps.size()) * operand.channels;
        const double columns = layouts[static_cast<std::size_t>(operand.source + 1)].columns();
        inputs += operand.taps.size() > 1 ? columns * operand.channels * (2 * digits + 1) * limbs : 0;
    }
    const double outputs = static_cast<double>(output.columns()) * layer.out_channels;
    return inputs + outputs * limbs * (2 + rows / 24);
}

}  // namespace

std::vector<ckks::Ciphertext> execute(const plan::Plan& plan, const ckks::Context& context,
                                      const ckks::EvaluationKeys& keys, tensor::FeatureMap&& input,
                                      ckks::LimbPool& pool, ThreadPool& threads, const tensor::MemoryPlan& memory,
                                      Progress& progress, std::vector<LayerReport>& reports) {
    const auto layouts = plan::layouts(plan);
    std::vector<tensor::FeatureMap> maps(plan.layers.size() + 1);
    maps[0] = std::move(input);
    std::vector<double> costs;
    double total = 0, done = 0;
    for (std::size_t i = 0; i < plan.layers.size(); ++i)
        total += costs.emplace_back(cost(plan, plan.layers[i], layouts[i + 1], layouts));

    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const auto& layer = plan.layers[i];
        const auto start = std::chrono::steady_clock::now();
        tensor::LinearEngine engine(context, keys, pool, threads);
        std::vector<tensor::LinearSource> sources;
        for (const auto& operand : layer.operands) {
            auto& map = maps[static_cast<std::size_t>(operand.source + 1)];
            map.drop_to(layer.level);
            sources.push_back({&map, tensor::columns_read_from(plan, layouts, operand.source + 1, i + 1)});
        }
        maps[i + 1] = engine.run(layer, sources, layouts[i + 1], memory.options[i], [&](double fraction) {
            if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted in layer " + layer.name);
            progress.update(done + fraction * costs[i], total, layer.name);
        });
        for (std::size_t m = 0; m <= i; ++m) {
            const auto read = tensor::columns_read_from(plan, layouts, static_cast<int>(m), i + 1);
            if (std::none_of(read.begin(), read.end(), [](bool r) { return r; })) maps[m] = {};
        }
        done += costs[i];
        const auto& times = engine.times();
        reports.push_back({layer.name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                           times.relinearise, times.rotate, times.product, times.finish, pool.peak_bytes()});
    }
    progress.update(total, total, "done");
    return std::move(maps.back().pending);
}

}  // namespace obscura::runtime
