#include "compiler/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "base/error.hpp"
#include "compiler/calibration.hpp"
#include "compiler/ensemble.hpp"
#include "compiler/feature_samples.hpp"
#include "compiler/passes.hpp"
#include "compiler/planner.hpp"
#include "compiler/prediction.hpp"
#include "compiler/quantise.hpp"
#include "compiler/value_range.hpp"
#include "plan/carried_range.hpp"
#include "plan/layout.hpp"
#include "plan/reference.hpp"
#include "ring/primes.hpp"

namespace obscura::compiler {
namespace {

/// Images whose layer outputs decide scales and rounding.
constexpr int sampled_images = 256;
/// Share of the calibration images whose class fewer weight bits must not change.
constexpr double least_agreement = 0.99;
constexpr int least_weight_bits = 2;
/// Pixels of a head that CompileOptions::last_log_scale is meant for.
constexpr double usual_head_pixels = 64;

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

/// A file whose weights share few values (the property "clusters", which obscura_train writes) may need fewer bits.
int wanted_bits(const ImportedModel& model, const CompileOptions& options) {
    return options.weight_bits == 0 && model.properties.contains("clusters") ? fewest_weight_bits : options.weight_bits;
}

/// Layers, integers and parameters, without what is measured on the whole.
plan::Plan integer_plan(const plan::RealNetwork& network, const Statistics& statistics, const io::Images& images,
                        const std::vector<LayerSensitivity>& sensitivity, const CompileOptions& options,
                        ThreadPool& pool) {
    const Design layout = design(network, options);
    FeatureSamples samples(network, typical_images(images, statistics, sampled_images), pool);
    plan::Plan plan = quantise(network, statistics, sensitivity, samples, layout, options, pool);
    split_layers(plan, layout.merging, layout.levels.operands);
    plan.segments = layout.segments;
    plan.cell = layout.cell;
    plan.copies = layout.copies;
    plan.alternatives = layout.alternatives;
    plan.cyclic_twin = layout.cyclic_twin;
    return plan;
}

/// The sum over more pixels has to fit the same primes. Half of the bits come out of the squares, whose weights get as
/// much coarser, the others out of the head's weights and head-room.
double last_log_scale(const plan::RealNetwork& network, const CompileOptions& options) {
    const plan::RealLayer& head = network.layers.back();
    const double pixels = static_cast<double>(head.height) * head.width;
    return options.last_log_scale - 0.25 * std::log2(std::max(1.0, pixels / usual_head_pixels));
}

std::vector<int> classes_of(const plan::RealNetwork& network, const io::Images& images, ThreadPool& pool) {
    const plan::PlainNetwork plain(network);
    return plan::best_classes(plain.scores(images, pool), plain.classes());
}

/// The plan of the fewest bits that keeps the classes and the headroom; the one of most bits if none does.
plan::Plan with_fewest_bits(const plan::RealNetwork& network, const io::Images& images, const CompileOptions& options,
                            const std::function<plan::Plan(int weight_bits)>& with_bits, ThreadPool& pool) {
    const std::vector<int> exact = classes_of(network, images, pool);
    plan::Plan best = with_bits(0);
    const int most = static_cast<int>(std::ceil(ring::prime_bits - options.log_scale)) - 1;
    for (int bits = most; bits >= least_weight_bits; --bits) {
        plan::Plan plan = with_bits(bits);
        const std::vector<int> found = classes_of(plan::real_network(plan), images, pool);
        int same = 0;
        for (std::size_t i = 0; i < exact.size(); ++i) same += found[i] == exact[i] ? 1 : 0;
        record_peaks(plan, images, pool);
        if (same < least_agreement * images.count || plan.calibration_headroom_bits < std::log2(options.min_headroom))
            break;
        best = std::move(plan);
    }
    return best;
}

void check_headroom(const plan::Plan& plan, double least) {
    std::string tight;
    for (const plan::Layer& layer : plan.layers) {
        const double headroom = std::exp2(headroom_bits(plan, layer));
        if (headroom >= least) continue;
        tight += fmt::format("\n  {} (level {}): largest value 2^{:.1f}, carries 2^{:.1f}: a head-room of {:.3g}",
                             layer.name, layer.level, std::log2(layer.peak), plan::limit_bits(plan, layer), headroom);
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

    const std::vector<LayerSensitivity> sensitivity =
        measure_sensitivity(network, typical_images(calibration, statistics, sampled_images), pool);

    const auto with_bits = [&](int weight_bits) {
        CompileOptions chosen = options;
        chosen.weight_bits = weight_bits;
        chosen.last_log_scale = last_log_scale(network, options);
        return integer_plan(network, statistics, calibration, sensitivity, chosen, pool);
    };
    const bool fewest = wanted_bits(model, options) == fewest_weight_bits;
    plan::Plan plan =
        fewest ? with_fewest_bits(network, calibration, options, with_bits, pool) : with_bits(options.weight_bits);
    plan.model = model_name(model, onnx_paths, options);
    plan.class_names = options.class_names;
    plan.memory_bytes = tensor::residue_bytes(options.memory_bytes);
    record_peaks(plan, calibration, pool);
    check_headroom(plan, options.min_headroom);
    predict_noise(plan, calibration, pool);
    plan::validate(plan);
    return plan;
}

}  // namespace obscura::compiler
