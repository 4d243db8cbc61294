#include "compiler/compile.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "base/error.hpp"
#include "compiler/calibration.hpp"
#include "compiler/ensemble.hpp"
#include "compiler/feature_samples.hpp"
#include "compiler/passes.hpp"
#include "compiler/planner.hpp"
#include "compiler/prediction.hpp"
#include "compiler/quantise.hpp"
#include "plan/layout.hpp"

namespace obscura::compiler {
namespace {

/// Images whose layer outputs are kept for rounding.
constexpr int sampled_images = 64;

plan::RealNetwork simplify(const Graph& graph) {
    return lower(merge_linear(complete_squares(graph)));
}

/// A name for people: the files' own, and what the plan makes of it.
std::string model_name(const ImportedModel& model, const std::vector<std::string>& paths,
                       const CompileOptions& options) {
    if (!options.model.empty()) return options.model;
    const auto found = model.properties.find("network");
    if (found != model.properties.end())
        return paths.size() > 1 ? fmt::format("{} x {}", paths.size(), found->second) : found->second;
    std::string names;
    for (const std::string& path : paths)
        names += (names.empty() ? "" : " + ") + std::filesystem::path(path).stem().string();
    return names;
}

int highest_square(const plan::Plan& plan) {
    int level = 0;
    for (const plan::Layer& layer : plan.layers)
        if (layer.finish == plan::Finish::square) level = std::max(level, layer.output_level());
    return level;
}

void check_headroom(const plan::Plan& plan, double wanted) {
    std::string tight;
    for (const plan::Layer& layer : plan.layers) {
        const double bits = headroom_bits(plan, layer);
        if (bits >= wanted) continue;
        tight += fmt::format("\n  {} (level {}): largest value 2^{:.1f}, headroom {:.1f} bits", layer.name, layer.level,
                             std::log2(layer.peak), bits);
    }
    if (!tight.empty())
        throw Error(ErrorCode::range,
                    fmt::format("values of the calibration images come within {} bits of what the modulus holds; one "
                                "image that leaves the range spoils its whole batch. Lower the scale, or train the "
                                "network with a penalty on large pre-activations:{}",
                                wanted, tight));
}

}  // namespace

plan::RealNetwork import_network(const std::vector<std::string>& onnx_paths) {
    return simplify(import_models(onnx_paths).graph);
}

plan::Plan compile(const std::vector<std::string>& onnx_paths, const io::Images& calibration,
                   const CompileOptions& options) {
    const ImportedModel model = import_models(onnx_paths);
    plan::RealNetwork network = simplify(model.graph);
    if (calibration.count < 1) throw Error(ErrorCode::usage, "no calibration images; give a few hundred typical ones");
    ThreadPool pool(options.threads);
    normalise_input(network, calibration);
    const Statistics statistics = measure(network, calibration, pool);

    const Design layout = design(network, options);
    const FeatureSamples samples(network, calibration, sampled_images, pool);
    plan::Plan plan =
        quantise(network, statistics, samples, layout.merging, layout.levels.layers, layout.parameters, options, pool);
    split_layers(plan, layout.merging, layout.levels.operands);
    plan.model = model_name(model, onnx_paths, options);
    plan.class_names = options.class_names;
    plan.run_length = layout.run_length;
    plan.memory_bytes = residue_bytes(options);
    plan.alternatives = layout.alternatives;
    plan.relinearisation_level = highest_square(plan);
    plan.rotation_keys = plan::required_rotations(plan);
    record_peaks(plan, calibration, pool);
    check_headroom(plan, options.min_headroom_bits);
    predict_noise(plan, calibration, pool);
    plan::validate(plan);
    return plan;
}

}  // namespace obscura::compiler
