#include "compiler/compile.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "base/error.hpp"
#include "compiler/calibration.hpp"
#include "compiler/feature_samples.hpp"
#include "compiler/onnx_import.hpp"
#include "compiler/passes.hpp"
#include "compiler/planner.hpp"
#include "compiler/prediction.hpp"
#include "compiler/quantise.hpp"
#include "compiler/value_range.hpp"
#include "plan/layout.hpp"

namespace obscura::compiler {
namespace {

/// Images whose layer outputs are kept for rounding.
constexpr int sampled_images = 64;

plan::RealNetwork simplify(const Graph& graph) {
    return lower(merge_linear(complete_squares(graph)));
}

std::string model_name(const ImportedModel& model, const std::string& path, const CompileOptions& options) {
    if (!options.model.empty()) return options.model;
    const auto found = model.properties.find("network");
    return found != model.properties.end() ? found->second : std::filesystem::path(path).stem().string();
}

int highest_square(const plan::Plan& plan) {
    int level = 0;
    for (const plan::Layer& layer : plan.layers)
        if (layer.finish == plan::Finish::square) level = std::max(level, layer.output_level());
    return level;
}

void check_headroom(const plan::Plan& plan, double least) {
    std::string tight;
    for (const plan::Layer& layer : plan.layers) {
        const double headroom = std::exp2(headroom_bits(plan, layer));
        if (headroom >= least) continue;
        tight += fmt::format("\n  {} (level {}): largest value 2^{:.1f}, carries 2^{:.1f}: a head-room of {:.3g}",
                             layer.name, layer.level, std::log2(layer.peak), limit_bits(plan, layer), headroom);
    }
    if (tight.empty()) return;
    throw Error(ErrorCode::range,
                fmt::format("the head-room is too small: calibration images come within a factor of {:.3g} of the "
                            "largest values that these layers are certain to carry, and one image that goes beyond "
                            "can spoil its whole group. Leave images that are not typical out of the calibration, "
                            "compile with a smaller scale, train the network with a penalty on large pre-activations, "
                            "or accept a smaller head-room:{}",
                            least, tight));
}

}  // namespace

plan::RealNetwork import_network(const std::string& onnx_path) {
    return simplify(import_onnx(onnx_path).graph);
}

plan::Plan compile(const std::string& onnx_path, const io::Images& calibration, const CompileOptions& options) {
    const ImportedModel model = import_onnx(onnx_path);
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
    plan.model = model_name(model, onnx_path, options);
    plan.class_names = options.class_names;
    plan.run_length = layout.run_length;
    plan.memory_bytes = tensor::residue_bytes(options.memory_bytes);
    plan.alternatives = layout.alternatives;
    plan.cyclic_twin = layout.cyclic_twin;
    plan.relinearisation_level = highest_square(plan);
    plan.rotation_keys = plan::required_rotations(plan);
    record_peaks(plan, calibration, pool);
    check_headroom(plan, options.min_headroom);
    predict_noise(plan, calibration, pool);
    plan::validate(plan);
    return plan;
}

}  // namespace obscura::compiler
