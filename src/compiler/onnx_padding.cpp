#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include <algorithm>
#include <numeric>

#include "compiler/onnx_nodes.hpp"

/// Nodes that rearrange pixels: they only change a tensor's pixel map.
namespace obscura::compiler {
namespace {

constexpr std::int64_t most_pixels = std::int64_t{1} << 24;

bool vertical(std::int64_t axis) {
    if (axis < 0) axis += 4;
    if (axis != 2 && axis != 3)
        throw Unsupported{fmt::format("axis {}; only height and width can be rearranged", axis)};
    return axis == 2;
}

void check_size(const PixelMap& map) {
    if (map.source.empty()) throw Unsupported{"it gives an empty tensor"};
    if (static_cast<std::int64_t>(map.source.size()) > most_pixels) throw Unsupported{"it gives too large a tensor"};
}

}  // namespace

NodeReader::Value NodeReader::slice(const onnx::NodeProto& node) {
    Feature x = feature(node, 0);
    // Before opset 10 the ranges are attributes, later inputs.
    const auto numbers = [&](int input, const char* name, const std::vector<std::int64_t>& otherwise) {
        const Constant* given = constant(node, input);
        return given != nullptr ? given->integers : attribute(node, name, otherwise);
    };
    const auto starts = numbers(1, "starts", {});
    const auto ends = numbers(2, "ends", {});
    std::vector<std::int64_t> all_axes(starts.size());
    std::iota(all_axes.begin(), all_axes.end(), 0);
    const auto axes = numbers(3, "axes", all_axes);
    const auto steps = numbers(4, "steps", std::vector<std::int64_t>(starts.size(), 1));
    if (starts.empty() || ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
        throw Unsupported{"starts, ends, axes and steps must be constants of one length"};
    for (std::size_t i = 0; i < starts.size(); ++i) {
        if (steps[i] < 1) throw Unsupported{"only positive steps are supported"};
        x.map = x.map.slice(vertical(axes[i]), starts[i], ends[i], steps[i]);
        check_size(x.map);
    }
    return x;
}

Feature NodeReader::concatenate(const onnx::NodeProto& node) {
    Feature result = feature(node, 0);
    const bool along_height = vertical(attribute(node, "axis", std::int64_t{0}));
    for (int i = 1; i < node.input_size(); ++i) {
        const Feature& next = feature(node, i);
        if (next.node != result.node) throw Unsupported{"only pieces of one tensor can be put together, as padding"};
        const auto joined = result.map.concatenate(next.map, along_height);
        if (!joined) throw Unsupported{"the pieces have different sizes"};
        result.map = *joined;
        check_size(result.map);
    }
    return result;
}

Feature NodeReader::pad(const onnx::NodeProto& node) {
    Feature x = feature(node, 0);
    const std::string mode = attribute(node, "mode", std::string("constant"));
    auto pads = attribute(node, "pads", std::vector<std::int64_t>{});
    if (const Constant* given = constant(node, 1); given != nullptr) pads = given->integers;
    if (pads.size() != 8 || std::any_of(pads.begin(), pads.end(), [](auto p) { return p < 0 || p > 64; }))
        throw Unsupported{"pads must be eight constants of 0 to 64"};
    if (pads[0] + pads[1] + pads[4] + pads[5] != 0) throw Unsupported{"only height and width can be padded"};
    if (const Constant* value = constant(node, 2);
        value != nullptr && !value->values.empty() && value->values.front() != 0)
        throw Unsupported{"only zeros can be padded"};
    const int top = static_cast<int>(pads[2]);
    const int left = static_cast<int>(pads[3]);
    const int bottom = static_cast<int>(pads[6]);
    const int right = static_cast<int>(pads[7]);
    PixelMap map = x.map.pad_zeros(top, left, bottom, right);
    if (mode == "wrap") {
        for (int y = 0; y < map.height; ++y)
            for (int at = 0; at < map.width; ++at) {
                const int row = ((y - top) % x.map.height + x.map.height) % x.map.height;
                const int column = ((at - left) % x.map.width + x.map.width) % x.map.width;
                map.source[static_cast<std::size_t>(y * map.width + at)] = x.map.at(row, column);
            }
    } else if (mode != "constant") {
        throw Unsupported{fmt::format("padding mode {}; train with twisted or raster padding", mode)};
    }
    x.map = std::move(map);
    check_size(x.map);
    return x;
}

}  // namespace obscura::compiler
