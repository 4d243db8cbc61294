#include "plan/plan.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "plan/layout.hpp"
#include "plan/limits.hpp"
#include "plan/serialise.hpp"

namespace obscura::plan {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw Error(ErrorCode::format, "plan: " + what + "; compile the network again");
}

void check_numbers(const std::vector<double>& values, std::size_t count, const std::string& what) {
    if (values.size() != count) fail(fmt::format("{}: {} numbers, must be {}", what, values.size(), count));
    for (const double value : values)
        if (!std::isfinite(value)) fail(what + ": a number is not finite");
}

void check_scales(const std::vector<double>& values, std::size_t count, const std::string& what) {
    check_numbers(values, count, what);
    for (const double value : values)
        if (value <= 0) fail(fmt::format("{}: {} is not positive", what, value));
}

void check_weights(const Layer& layer, const std::string& where) {
    std::vector<std::int64_t> sums(static_cast<std::size_t>(layer.out_channels));
    for (const Operand& operand : layer.operands) {
        const std::size_t row = operand.taps.size() * static_cast<std::size_t>(operand.channels);
        if (operand.weights.size() != weight_count(layer, operand))
            fail(
                fmt::format("{}: {} weights, must be {}", where, operand.weights.size(), weight_count(layer, operand)));
        for (std::size_t i = 0; i < operand.weights.size(); ++i) {
            const int magnitude = std::abs(static_cast<int>(operand.weights[i]));
            if (magnitude > limits::weight) fail(fmt::format("{}: weight {}", where, operand.weights[i]));
            sums[i / row] += magnitude;
        }
    }
    const auto largest = *std::max_element(sums.begin(), sums.end());
    if (largest > limits::weight_sum)
        fail(fmt::format("{}: |weights| of a channel add up to {}, at most {}", where, largest, limits::weight_sum));
}

/// Sources are earlier layers of the right shape, and enough limbs are left there.
void check_operands(const Plan& plan, std::size_t index, const std::vector<int>& output_levels,
                    const std::string& where) {
    const Layer& layer = plan.layers[index];
    for (const Operand& operand : layer.operands) {
        const bool from_input = operand.source < 0;
        const Layer* source = from_input ? nullptr : &plan.layers[static_cast<std::size_t>(operand.source)];
        if (source != nullptr && source->finish == Finish::head) fail(where + ": reads the class scores");
        const int channels = from_input ? plan.input.channels : source->out_channels;
        if (operand.channels != channels)
            fail(fmt::format("{}: reads {} channels of a source that has {}", where, operand.channels, channels));
        const int level = output_levels[static_cast<std::size_t>(operand.source + 1)];
        if (level < layer.level)
            fail(fmt::format("{}: runs at level {}, its source has {} limbs", where, layer.level, level));
        if (operand.taps.empty()) fail(where + ": an operand without taps");
        for (const Tap& tap : operand.taps)
            if (std::abs(tap.dy) > limits::size || std::abs(tap.dx) > limits::size)
                fail(fmt::format("{}: tap ({}, {})", where, tap.dy, tap.dx));
    }
}

void check_borders(const Layer& layer, const std::string& where) {
    if (!layer.borders.empty() && layer.finish != Finish::square) fail(where + ": borders, but no bias");
    if (layer.borders.size() > static_cast<std::size_t>(limits::taps))
        fail(fmt::format("{}: {} borders, at most {}", where, layer.borders.size(), limits::taps));
    for (const Border& border : layer.borders) {
        if (border.stride != 1 && border.stride != 2)
            fail(fmt::format("{}: border of stride {}", where, border.stride));
        if (std::abs(border.tap.dy) > limits::size || std::abs(border.tap.dx) > limits::size)
            fail(fmt::format("{}: border at tap ({}, {})", where, border.tap.dy, border.tap.dx));
        check_numbers(border.shift, static_cast<std::size_t>(layer.out_channels), where + ": shift of a border");
        for (const double shift : border.shift)
            if (std::abs(shift) > limits::shift) fail(fmt::format("{}: border shifts by {}", where, shift));
    }
}

void check_masks(const Layer& layer, const std::vector<Layout>& all, const Layout& output, const std::string& where) {
    std::vector<Layout> sources;
    for (const Operand& operand : layer.operands) sources.push_back(all[static_cast<std::size_t>(operand.source + 1)]);
    const bool wanted = layer.merged_run != 0 || needs_masks(layer, sources, output);
    if (layer.masked != wanted)
        fail(fmt::format("{}: {}masked, which its merging and padding {}", where, layer.masked ? "" : "not ",
                         wanted ? "demand" : "do not need"));
}

void check_keys(const Plan& plan) {
    for (const RotationKeyRequest& need : required_rotations(plan)) {
        const auto covers = [&](const RotationKeyRequest& key) {
            return key.step == need.step && key.level >= need.level;
        };
        if (std::none_of(plan.rotation_keys.begin(), plan.rotation_keys.end(), covers))
            fail(fmt::format("no key for the rotation by {} at {} limbs", need.step, need.level));
    }
    std::vector<int> steps;
    for (const RotationKeyRequest& key : plan.rotation_keys) {
        if (key.step < 1 || key.step >= 1 << plan.parameters.log_degree)
            fail(fmt::format("rotation by {} slots", key.step));
        if (key.level < 1 || key.level > static_cast<int>(plan.parameters.chain.size()))
            fail(fmt::format("rotation key at {} of {} limbs", key.level, plan.parameters.chain.size()));
        steps.push_back(key.step);
    }
    std::sort(steps.begin(), steps.end());
    if (std::adjacent_find(steps.begin(), steps.end()) != steps.end()) fail("two keys for one rotation");
}

}  // namespace

bool is_identity(const Layer& layer) {
    if (layer.operands.size() != 1) return false;
    const Operand& operand = layer.operands.front();
    if (operand.taps != std::vector<Tap>{{0, 0}} || operand.channels != layer.out_channels) return false;
    const auto channels = static_cast<std::size_t>(operand.channels);
    for (std::size_t i = 0; i < operand.weights.size(); ++i)
        if (operand.weights[i] != (i / channels == i % channels ? 1 : 0)) return false;
    return true;
}

int Plan::batch() const {
    return input_layout(input.height, input.width, cell, parameters.log_degree).batch;
}

std::string Plan::digest() const {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    const auto add = [&](const void* data, std::size_t size) {
        crypto_hash_sha256_update(&state, static_cast<const unsigned char*>(data), size);
    };
    const std::string description = describe(*this);
    add(description.data(), description.size());
    for (const Layer& layer : layers)
        for (const Operand& operand : layer.operands)
            add(operand.weights.data(), operand.weights.size() * sizeof(std::int16_t));
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256_final(&state, hash.data());
    std::string hex;
    for (const unsigned char byte : hash) hex += fmt::format("{:02x}", byte);
    return hex;
}

void validate(const Plan& plan) {
    const ckks::Parameters parameters(plan.parameters);
    const InputEncoding& input = plan.input;
    if (input.channels < 1 || input.channels > limits::channels || input.height < 1 || input.height > limits::size ||
        input.width < 1 || input.width > limits::size)
        fail(fmt::format("input of {}x{}x{}", input.channels, input.height, input.width));
    check_numbers(input.mean, static_cast<std::size_t>(input.channels), "mean of the input");
    check_scales(input.factor, static_cast<std::size_t>(input.channels), "factor of the input");
    if (plan.layers.empty() || plan.layers.size() > static_cast<std::size_t>(limits::layers))
        fail(fmt::format("{} layers", plan.layers.size()));

    std::vector<int> output_levels{parameters.levels()};
    int highest_square = 0;
    const std::vector<Layout> all = layouts(plan);  // throws if sources, strides and shapes disagree
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Layer& layer = plan.layers[i];
        const std::string where = fmt::format("layer {} ({})", i, layer.name);
        const bool last = i + 1 == plan.layers.size();
        if (last != (layer.finish == Finish::head)) fail(where + ": the last layer must be the head, and only it");
        if (layer.out_channels < 1 || layer.out_channels > limits::channels)
            fail(fmt::format("{}: {} channels", where, layer.out_channels));
        const auto channels = static_cast<std::size_t>(layer.out_channels);
        if (layer.output_level() < 1 || layer.level > parameters.levels())
            fail(fmt::format("{}: level {} of {}", where, layer.level, parameters.levels()));
        if (layer.finish == Finish::head && layer.merged_run != 0) fail(where + ": a head does not merge tiles");
        check_operands(plan, i, output_levels, where);
        check_borders(layer, where);
        check_masks(layer, all, all[i + 1], where);
        check_weights(layer, where);
        if (layer.finish != Finish::none) {
            check_numbers(layer.bias, channels, where + ": bias");
            check_scales(layer.output_scale, channels, where + ": output scale");
        }
        output_levels.push_back(layer.output_level());
        if (layer.finish == Finish::square) highest_square = std::max(highest_square, layer.output_level());
    }
    if (plan.relinearisation_level < highest_square || plan.relinearisation_level > parameters.levels())
        fail(fmt::format("relinearisation key for {} limbs, squares need {} of {}", plan.relinearisation_level,
                         highest_square, parameters.levels()));
    const auto classes = static_cast<std::size_t>(plan.layers.back().out_channels);
    if (!plan.class_names.empty() && plan.class_names.size() != classes)
        fail(fmt::format("{} class names for {} scores", plan.class_names.size(), classes));
    check_keys(plan);
}

}  // namespace obscura::plan
