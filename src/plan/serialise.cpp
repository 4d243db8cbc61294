#include "plan/serialise.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "plan/limits.hpp"

namespace obscura::plan {
namespace {

using nlohmann::json;

json to_json(const Operand& operand) {
    json taps = json::array();
    for (const Tap& tap : operand.taps) taps.push_back({tap.dy, tap.dx});
    return {{"source", operand.source},
            {"channels", operand.channels},
            {"stride", operand.stride},
            {"wrap", operand.padding.wrap},
            {"taps", taps}};
}

json to_json(const Layer& layer) {
    json borders = json::array();
    for (const Border& border : layer.borders)
        borders.push_back(
            {{"stride", border.stride}, {"tap", {border.tap.dy, border.tap.dx}}, {"shift", border.shift}});
    json operands = json::array();
    for (const Operand& operand : layer.operands) operands.push_back(to_json(operand));
    return {{"name", layer.name},
            {"finish", static_cast<int>(layer.finish)},
            {"out_channels", layer.out_channels},
            {"height", layer.height},
            {"width", layer.width},
            {"level", layer.level},
            {"merged_run", layer.merged_run},
            {"masked", layer.masked},
            {"operands", operands},
            {"borders", borders},
            {"bias", layer.bias},
            {"output_scale", layer.output_scale},
            {"peak", layer.peak},
            {"rms", layer.rms},
            {"predicted_error", layer.predicted_error}};
}

json to_json(const Cell& cell) {
    return {cell.height, cell.width};
}

json to_json(const Alternative& a) {
    return {{"cell", to_json(a.cell)},
            {"batch", a.batch},
            {"seconds", a.seconds},
            {"memory_bytes", a.memory_bytes},
            {"key_bytes", a.key_bytes}};
}

json to_json(const std::optional<CyclicTwin>& twin) {
    if (!twin) return nullptr;
    return {{"log_degree", twin->log_degree},
            {"limbs", twin->limbs},
            {"log2_qp", twin->log2_qp},
            {"layout", to_json(twin->layout)}};
}

json to_json(const Segment& segment) {
    json keys = json::array();
    for (const RotationKeyRequest& key : segment.rotation_keys)
        keys.push_back({{"step", key.step}, {"level", key.level}});
    const auto& parameters = segment.parameters;
    return {{"first_layer", segment.first_layer},
            {"parameters",
             {{"log_degree", parameters.log_degree},
              {"chain", parameters.chain},
              {"special", parameters.special},
              {"digit_limbs", parameters.digit_limbs},
              {"insecure_for_tests", parameters.insecure_for_tests}}},
            {"relinearisation_level", segment.relinearisation_level},
            {"rotation_keys", keys}};
}

/// Every size is bounded here, so that products of sizes fit 64 bits and nothing large is allocated on a file's word.
/// The type is checked because get<> would turn a fraction into something else.
int whole(const json& value, const char* what, int low, int high) {
    if (!value.is_number_integer()) throw Error(ErrorCode::format, fmt::format("plan: {} is not a whole number", what));
    const auto number = value.get<std::int64_t>();
    if (number < low || number > high)
        throw Error(ErrorCode::format, fmt::format("plan: {} is {}, must be {}..{}", what, number, low, high));
    return static_cast<int>(number);
}

int bounded(const json& object, const char* key, int low, int high) {
    return whole(object.at(key), key, low, high);
}

std::vector<std::uint32_t> primes(const json& value, const char* key) {
    std::vector<std::uint32_t> result;
    for (const json& prime : value.at(key)) {
        if (result.size() == static_cast<std::size_t>(limits::limbs))
            throw Error(ErrorCode::format, fmt::format("plan: more than {} primes in {}", limits::limbs, key));
        result.push_back(static_cast<std::uint32_t>(whole(prime, key, 2, 0x7fffffff)));
    }
    return result;
}

Tap tap_from(const json& value) {
    return {whole(value.at(0), "tap", -limits::size, limits::size),
            whole(value.at(1), "tap", -limits::size, limits::size)};
}

Border border_from(const json& value) {
    return {bounded(value, "stride", 1, 2), tap_from(value.at("tap")), value.at("shift").get<std::vector<double>>()};
}

Operand operand_from(const json& value) {
    Operand operand;
    operand.source = bounded(value, "source", -1, limits::layers);
    operand.channels = bounded(value, "channels", 1, limits::channels);
    operand.stride = bounded(value, "stride", 1, 2);
    operand.padding.wrap = bounded(value, "wrap", 0, limits::size);
    const json& taps = value.at("taps");
    if (taps.empty() || taps.size() > limits::taps)
        throw Error(ErrorCode::format, fmt::format("plan: {} taps, must be 1..{}", taps.size(), limits::taps));
    for (const json& tap : taps) operand.taps.push_back(tap_from(tap));
    return operand;
}

Layer layer_from(const json& value) {
    Layer layer;
    layer.name = value.at("name").get<std::string>();
    layer.finish = static_cast<Finish>(bounded(value, "finish", 0, 2));
    layer.out_channels = bounded(value, "out_channels", 1, limits::channels);
    layer.height = bounded(value, "height", 1, limits::size);
    layer.width = bounded(value, "width", 1, limits::size);
    layer.level = bounded(value, "level", 1, limits::limbs);
    layer.merged_run = bounded(value, "merged_run", 0, limits::size * limits::size);
    layer.masked = value.at("masked").get<bool>();
    for (const json& operand : value.at("operands")) layer.operands.push_back(operand_from(operand));
    for (const json& border : value.at("borders")) layer.borders.push_back(border_from(border));
    layer.bias = value.at("bias").get<std::vector<double>>();
    layer.output_scale = value.at("output_scale").get<std::vector<double>>();
    layer.peak = value.at("peak").get<double>();
    layer.rms = value.at("rms").get<double>();
    layer.predicted_error = value.at("predicted_error").get<double>();
    return layer;
}

Cell cell_from(const json& value) {
    return {whole(value.at(0), "cell", 1, limits::size), whole(value.at(1), "cell", 1, limits::size)};
}

Alternative alternative_from(const json& value) {
    return {cell_from(value.at("cell")), bounded(value, "batch", 1, 1 << limits::log_degree),
            value.at("seconds").get<double>(), value.at("memory_bytes").get<std::uint64_t>(),
            value.at("key_bytes").get<std::uint64_t>()};
}

Segment segment_from(const json& value) {
    Segment segment;
    segment.first_layer = bounded(value, "first_layer", 0, limits::layers);
    const json& parameters = value.at("parameters");
    segment.parameters.log_degree = bounded(parameters, "log_degree", 1, limits::log_degree);
    segment.parameters.chain = primes(parameters, "chain");
    segment.parameters.special = primes(parameters, "special");
    segment.parameters.digit_limbs = bounded(parameters, "digit_limbs", 1, limits::limbs);
    segment.parameters.insecure_for_tests = parameters.at("insecure_for_tests").get<bool>();
    segment.relinearisation_level = bounded(value, "relinearisation_level", 0, limits::limbs);
    for (const json& key : value.at("rotation_keys"))
        segment.rotation_keys.push_back(
            {bounded(key, "step", 1, (1 << limits::log_degree) - 1), bounded(key, "level", 1, limits::limbs)});
    return segment;
}

Plan plan_from(const json& value) {
    Plan plan;
    plan.model = value.at("model").get<std::string>();
    const json& segments = value.at("segments");
    if (segments.empty() || segments.size() > static_cast<std::size_t>(limits::layers))
        throw Error(ErrorCode::format,
                    fmt::format("plan: {} segments, must be 1..{}", segments.size(), limits::layers));
    plan.segments.clear();
    for (const json& segment : segments) plan.segments.push_back(segment_from(segment));
    plan.cell = cell_from(value.at("cell"));
    plan.copies = bounded(value, "copies", 1, 1 << limits::log_degree);
    const json& input = value.at("input");
    plan.input.channels = bounded(input, "channels", 1, limits::channels);
    plan.input.height = bounded(input, "height", 1, limits::size);
    plan.input.width = bounded(input, "width", 1, limits::size);
    plan.input.mean = input.at("mean").get<std::vector<double>>();
    plan.input.factor = input.at("factor").get<std::vector<double>>();
    for (const json& layer : value.at("layers")) plan.layers.push_back(layer_from(layer));
    if (plan.layers.size() > static_cast<std::size_t>(limits::layers))
        throw Error(ErrorCode::format, fmt::format("plan: {} layers, at most {}", plan.layers.size(), limits::layers));
    plan.class_names = value.at("class_names").get<std::vector<std::string>>();
    plan.memory_bytes = value.at("memory_bytes").get<std::uint64_t>();
    const json& alternatives = value.at("alternatives");
    if (alternatives.size() > static_cast<std::size_t>(limits::layers))
        throw Error(ErrorCode::format, fmt::format("plan: {} alternatives", alternatives.size()));
    for (const json& alternative : alternatives) plan.alternatives.push_back(alternative_from(alternative));
    if (const json& twin = value.at("cyclic_twin"); !twin.is_null())
        plan.cyclic_twin = {bounded(twin, "log_degree", 1, limits::log_degree),
                            bounded(twin, "limbs", 1, limits::limbs), twin.at("log2_qp").get<double>(),
                            alternative_from(twin.at("layout"))};
    plan.calibration_headroom_bits = value.at("calibration_headroom_bits").get<double>();
    plan.predicted_score_error_rms = value.at("predicted_score_error_rms").get<double>();
    plan.predicted_score_error_max = value.at("predicted_score_error_max").get<double>();
    return plan;
}

}  // namespace

std::string describe(const Plan& plan) {
    json layers = json::array();
    for (const Layer& layer : plan.layers) layers.push_back(to_json(layer));
    json segments = json::array();
    for (const Segment& segment : plan.segments) segments.push_back(to_json(segment));
    json alternatives = json::array();
    for (const Alternative& a : plan.alternatives) alternatives.push_back(to_json(a));
    const json value = {{"model", plan.model},
                        {"segments", segments},
                        {"cell", to_json(plan.cell)},
                        {"copies", plan.copies},
                        {"input",
                         {{"channels", plan.input.channels},
                          {"height", plan.input.height},
                          {"width", plan.input.width},
                          {"mean", plan.input.mean},
                          {"factor", plan.input.factor}}},
                        {"layers", layers},
                        {"class_names", plan.class_names},
                        {"memory_bytes", plan.memory_bytes},
                        {"alternatives", alternatives},
                        {"cyclic_twin", to_json(plan.cyclic_twin)},
                        {"calibration_headroom_bits", plan.calibration_headroom_bits},
                        {"predicted_score_error_rms", plan.predicted_score_error_rms},
                        {"predicted_score_error_max", plan.predicted_score_error_max}};
    return value.dump();
}

Plan parse_description(const std::string& text) {
    try {
        return plan_from(json::parse(text));
    } catch (const json::exception& error) {
        throw Error(ErrorCode::format, fmt::format("plan: {}; compile the network again", error.what()));
    }
}

std::size_t weight_count(const Layer& layer, const Operand& operand) {
    return static_cast<std::size_t>(layer.out_channels) * operand.taps.size() *
           static_cast<std::size_t>(operand.channels);
}

}  // namespace obscura::plan
