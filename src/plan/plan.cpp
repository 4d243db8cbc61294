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

void check_keys(const Plan& plan, std::size_t index) {
    const Segment& segment = plan.segments[index];
    for (const RotationKeyRequest& need : required_rotations(plan, index)) {
        const auto covers = [&](const RotationKeyRequest& key) {
            return key.step == need.step && key.level >= need.level;
        };
        if (std::none_of(segment.rotation_keys.begin(), segment.rotation_keys.end(), covers))
            fail(fmt::format("no key for the rotation by {} at {} limbs", need.step, need.level));
    }
    const auto limbs = segment.parameters.chain.size();
    std::vector<int> steps;
    for (const RotationKeyRequest& key : segment.rotation_keys) {
        if (key.step < 1 || key.step >= 1 << segment.parameters.log_degree)
            fail(fmt::format("rotation by {} slots", key.step));
        if (key.level < 1 || key.level > static_cast<int>(limbs))
            fail(fmt::format("rotation key at {} of {} limbs", key.level, limbs));
        steps.push_back(key.step);
    }
    std::sort(steps.begin(), steps.end());
    if (std::adjacent_find(steps.begin(), steps.end()) != steps.end()) fail("two keys for one rotation");
    if (const int square = highest_square(plan, index);
        segment.relinearisation_level < square || segment.relinearisation_level > static_cast<int>(limbs))
        fail(fmt::format("relinearisation key for {} limbs, squares need {} of {}", segment.relinearisation_level,
                         square, limbs));
}

/// Each segment's own parameters, and how it follows from the one before.
void check_segments(const Plan& plan) {
    if (plan.segments.empty() || plan.segments.size() > std::max<std::size_t>(1, plan.layers.size()))
        fail(fmt::format("{} segments of {} layers", plan.segments.size(), plan.layers.size()));
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        const Segment& segment = plan.segments[i];
        const int before = i == 0 ? -1 : plan.segments[i - 1].first_layer;
        if ((i == 0 && segment.first_layer != 0) || segment.first_layer <= before ||
            segment.first_layer >= static_cast<int>(plan.layers.size()))
            fail(fmt::format("segment {} begins with layer {} of {}", i, segment.first_layer, plan.layers.size()));
        if (i > 0 && segment.parameters.log_degree > plan.segments[i - 1].parameters.log_degree)
            fail(fmt::format("segment {}: N = 2^{} after 2^{}", i, segment.parameters.log_degree,
                             plan.segments[i - 1].parameters.log_degree));
        const ckks::Parameters parameters(segment.parameters);
        if (i == 0) continue;
        const auto& upper = plan.segments[i - 1].parameters;
        const auto& lower = segment.parameters;
        if (lower.chain.size() > upper.chain.size() ||
            !std::equal(lower.chain.begin(), lower.chain.end(), upper.chain.begin()))
            fail(fmt::format("segment {}: its chain is not the lower part of the one before", i));
        for (const auto prime : lower.special)
            if ((prime - 1) % (std::uint64_t{4} << upper.log_degree) != 0)
                fail(fmt::format("segment {}: special prime {} does not fit the ring before", i, prime));
        if (lower.insecure_for_tests != upper.insecure_for_tests)
            fail(fmt::format("segment {}: insecure, or not, unlike the one before", i));
    }
}

/// A feature map is prepared for the keys of one segment, which has to hold all layers that read it, and limbs enough.
void check_readers(const Plan& plan, std::size_t index, int level, const std::string& where) {
    const int map = static_cast<int>(index) - 1;
    const std::size_t own = map < 0 ? 0 : plan.segment_of(index - 1);
    const std::size_t reading = map < 0 ? 0 : plan.reading_segment(index - 1);
    for (std::size_t i = 0; i < plan.layers.size(); ++i)
        for (const Operand& operand : plan.layers[i].operands)
            if (operand.source == map && plan.segment_of(i) != reading)
                fail(fmt::format("{} is read in segments {} and {}", where, reading, plan.segment_of(i)));
    if (reading == own) return;
    const bool rescales_there = plan.switches_ring(index - 1) && plan.layers[index - 1].finish == Finish::square;
    if (const int limbs = level + (rescales_there ? 1 : 0);
        limbs > static_cast<int>(plan.segments[reading].parameters.chain.size()))
        fail(fmt::format("{} has {} limbs, segment {} only {}", where, limbs, reading,
                         plan.segments[reading].parameters.chain.size()));
    if (!plan.switches_ring(index - 1)) return;
    if (plan.segments[reading - 1].parameters.log_degree != plan.segments[own].parameters.log_degree)
        fail(where + " passes over a ring");
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

std::size_t Plan::segment_of(std::size_t layer) const {
    std::size_t index = 0;
    while (index + 1 < segments.size() && segments[index + 1].first_layer <= static_cast<int>(layer)) ++index;
    return index;
}

std::size_t Plan::reading_segment(std::size_t layer) const {
    for (std::size_t i = layer + 1; i < layers.size(); ++i)
        for (const Operand& operand : layers[i].operands)
            if (operand.source == static_cast<int>(layer)) return segment_of(i);
    return segment_of(layer);
}

bool Plan::switches_ring(std::size_t layer) const {
    return segments[reading_segment(layer)].parameters.log_degree < segments[segment_of(layer)].parameters.log_degree;
}

int highest_square(const Plan& plan, std::size_t segment) {
    int level = 0;
    for (std::size_t i = 0; i < plan.layers.size(); ++i)
        if (plan.layers[i].finish == Finish::square && plan.reading_segment(i) == segment)
            level = std::max(level, plan.layers[i].output_level());
    return level;
}

int Plan::batch() const {
    return input_layout(input.height, input.width, cell, parameters().log_degree, copies).batch;
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
    const InputEncoding& input = plan.input;
    if (input.channels < 1 || input.channels > limits::channels || input.height < 1 || input.height > limits::size ||
        input.width < 1 || input.width > limits::size)
        fail(fmt::format("input of {}x{}x{}", input.channels, input.height, input.width));
    check_numbers(input.mean, static_cast<std::size_t>(input.channels), "mean of the input");
    check_scales(input.factor, static_cast<std::size_t>(input.channels), "factor of the input");
    if (plan.layers.empty() || plan.layers.size() > static_cast<std::size_t>(limits::layers))
        fail(fmt::format("{} layers", plan.layers.size()));
    check_segments(plan);

    std::vector<int> output_levels{static_cast<int>(plan.parameters().chain.size())};
    check_readers(plan, 0, output_levels.front(), "the input");
    const std::vector<Layout> all = layouts(plan);  // throws if sources, strides and shapes disagree
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Layer& layer = plan.layers[i];
        const std::string where = fmt::format("layer {} ({})", i, layer.name);
        const bool last = i + 1 == plan.layers.size();
        if (last != (layer.finish == Finish::head)) fail(where + ": the last layer must be the head, and only it");
        if (layer.out_channels < 1 || layer.out_channels > limits::channels)
            fail(fmt::format("{}: {} channels", where, layer.out_channels));
        const auto channels = static_cast<std::size_t>(layer.out_channels);
        const auto limbs = plan.segments[plan.segment_of(i)].parameters.chain.size();
        if (layer.output_level() < 1 || layer.level > static_cast<int>(limbs))
            fail(fmt::format("{}: level {} of {}", where, layer.level, limbs));
        check_readers(plan, i + 1, layer.output_level(), where);
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
    }
    const auto classes = static_cast<std::size_t>(plan.layers.back().out_channels);
    if (!plan.class_names.empty() && plan.class_names.size() != classes)
        fail(fmt::format("{} class names for {} scores", plan.class_names.size(), classes));
    for (std::size_t i = 0; i < plan.segments.size(); ++i) check_keys(plan, i);
}

}  // namespace obscura::plan
