#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include <algorithm>

#include "compiler/onnx_nodes.hpp"

/// Nodes that mix pixels or channels: convolutions, poolings, the classifier.
namespace obscura::compiler {
namespace {

const char* advice(TapProblem problem) {
    switch (problem) {
        case TapProblem::size:
            return "with stride s it must turn HxW pixels into H/s x W/s; pad so that the size is kept";
        case TapProblem::not_cyclic:
            return "its padding is neither zeros nor cyclic (the neighbour of a row's last pixel must be the first of "
                   "the "
                   "next row, or of the row 2, 4, 8, ... below)";
    }
    return "";
}

/// "blocks.0.conv1.weight" -> "blocks.0.conv1": the most readable name a layer has.
std::string layer_name(const onnx::NodeProto& node) {
    const std::string& name = node.input(1);
    const std::string suffix = ".weight";
    if (name.size() > suffix.size() && name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
    return node.name().empty() ? node.output(0) : node.name();
}

int single(const std::vector<std::int64_t>& values, const char* what) {
    if (values.empty() || values.front() < 1 || values.front() > 1024 || values.front() != values.back())
        throw Unsupported{fmt::format("{} must be the same in both directions", what)};
    return static_cast<int>(values.front());
}

/// ONNX pads [top, left, bottom, right] that "SAME" stands for: the odd pixel goes behind (SAME_UPPER) or before.
std::vector<std::int64_t> same_pads(const PixelMap& map, const KernelShape& kernel, bool upper) {
    std::vector<std::int64_t> pads;
    const auto add = [&](int size, int reach) {
        const int outputs = (size + kernel.stride - 1) / kernel.stride;
        const int sum = std::max(0, (outputs - 1) * kernel.stride + reach - size);
        pads.push_back(upper ? sum / 2 : sum - sum / 2);
        pads.push_back(sum - pads.back());
    };
    add(map.height, kernel.dilation_y * (kernel.height - 1) + 1);
    add(map.width, kernel.dilation_x * (kernel.width - 1) + 1);
    std::swap(pads[1], pads[2]);
    return pads;
}

PixelMap padded(const onnx::NodeProto& node, const PixelMap& map, const KernelShape& kernel) {
    const std::string mode = attribute(node, "auto_pad", std::string("NOTSET"));
    auto pads = attribute(node, "pads", std::vector<std::int64_t>(4, 0));
    if (mode == "VALID") pads.assign(4, 0);
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") pads = same_pads(map, kernel, mode == "SAME_UPPER");
    if (pads.size() != 4 || *std::min_element(pads.begin(), pads.end()) < 0 ||
        *std::max_element(pads.begin(), pads.end()) > 64)
        throw Unsupported{"pads must be four numbers of 0 to 64"};
    return map.pad_zeros(static_cast<int>(pads[0]), static_cast<int>(pads[1]), static_cast<int>(pads[2]),
                         static_cast<int>(pads[3]));
}

/// ONNX weights [O][I/group][ky][kx] to [O][taps][I], the other groups' weights being zero. Positions without a tap are
/// left out.
Term convolution_term(int source, const Constant& weights, int groups, int inputs, int stride,
                      const KernelTaps& kernel) {
    const auto outputs = static_cast<std::size_t>(weights.dims[0]);
    const auto group_inputs = static_cast<std::size_t>(weights.dims[1]);
    const std::size_t positions = kernel.taps.size();
    Term term{source, inputs, stride, {}, {}, kernel.padding};
    std::vector<std::size_t> position_of;  // [tap]
    for (std::size_t i = 0; i < positions; ++i) {
        if (!kernel.taps[i]) continue;
        term.taps.push_back(*kernel.taps[i]);
        position_of.push_back(i);
    }
    if (plan::stays_inside(term.taps, stride)) term.padding = plan::Padding::raster;
    const std::size_t taps = term.taps.size();
    const auto channels = static_cast<std::size_t>(inputs);
    term.weights.assign(outputs * taps * channels, 0.0);
    for (std::size_t o = 0; o < outputs; ++o) {
        const std::size_t first = o / (outputs / static_cast<std::size_t>(groups)) * group_inputs;
        for (std::size_t c = 0; c < group_inputs; ++c)
            for (std::size_t t = 0; t < taps; ++t)
                term.weights[(o * taps + t) * channels + first + c] =
                    weights.values[(o * group_inputs + c) * positions + position_of[t]];
    }
    return term;
}

}  // namespace

Feature NodeReader::convolution(const onnx::NodeProto& node) {
    const Feature x = feature(node, 0);
    const Node& from = graph_.node(x.node);
    const Constant* weights = constant(node, 1);
    if (weights == nullptr || weights->dims.size() != 4 || weights->values.empty())
        throw Unsupported{"weights must be a constant of four dimensions; only images are supported"};
    const auto groups = attribute(node, "group", std::int64_t{1});
    if (groups < 1 || weights->dims[0] % groups != 0 || weights->dims[1] * groups != from.channels)
        throw Unsupported{fmt::format("weights for {} channels in {} groups, the input has {} channels",
                                      weights->dims[1] * groups, groups, from.channels)};
    const auto dilations = attribute(node, "dilations", std::vector<std::int64_t>{1, 1});
    KernelShape kernel{static_cast<int>(weights->dims[2]), static_cast<int>(weights->dims[3]),
                       single(attribute(node, "strides", std::vector<std::int64_t>{1, 1}), "strides")};
    kernel.dilation_y = kernel.dilation_x = single(dilations, "dilations");
    if (kernel.stride > 2) throw Unsupported{fmt::format("stride {}; only 1 and 2 are supported", kernel.stride)};
    const KernelTaps taps = kernel_taps(padded(node, x.map, kernel), from.height, from.width, kernel);
    if (taps.problem) throw Unsupported{advice(*taps.problem)};

    Node result{Op::linear,
                layer_name(node),
                static_cast<int>(weights->dims[0]),
                from.height / kernel.stride,
                from.width / kernel.stride,
                {},
                {}};
    result.terms.push_back(
        convolution_term(x.node, *weights, static_cast<int>(groups), from.channels, kernel.stride, taps));
    if (result.terms.front().taps.empty()) throw Unsupported{"it reads nothing but padding"};
    result.bias.assign(static_cast<std::size_t>(result.channels), 0.0);
    if (const Constant* bias = constant(node, 2); bias != nullptr) {
        if (bias->values.size() != result.bias.size()) throw Unsupported{"its bias has the wrong size"};
        result.bias = bias->values;
    }
    return add(x, std::move(result));
}

Feature NodeReader::average_pool(const onnx::NodeProto& node) {
    const Feature x = in_order(feature(node, 0));
    const Node& from = graph_.node(x.node);
    const auto kernel = attribute(node, "kernel_shape", std::vector<std::int64_t>{});
    if (kernel.size() == 2 && kernel[0] == from.height && kernel[1] == from.width) return pixel_mean(node);
    const int size = single(kernel, "kernel_shape");
    const int stride = single(attribute(node, "strides", std::vector<std::int64_t>{1, 1}), "strides");
    if (size != 2 || stride != 2) throw Unsupported{"only 2x2 pooling with stride 2, or over all pixels, is supported"};
    const KernelShape shape{size, size, stride};
    const KernelTaps kernel_reads = kernel_taps(padded(node, x.map, shape), from.height, from.width, shape);
    if (kernel_reads.problem) throw Unsupported{advice(*kernel_reads.problem)};
    std::vector<plan::Tap> taps;
    for (const auto& tap : kernel_reads.taps)
        if (tap) taps.push_back(*tap);
    if (!plan::stays_inside(taps, stride)) throw Unsupported{"a pooling that is padded is not supported"};
    const auto channels = static_cast<std::size_t>(from.channels);
    Term term{x.node, from.channels, stride, taps, std::vector<double>(channels * 4 * channels, 0.0)};
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t t = 0; t < 4; ++t) term.weights[(c * 4 + t) * channels + c] = 0.25;
    Node result{Op::linear,
                from.name + ".pool",
                from.channels,
                from.height / stride,
                from.width / stride,
                {std::move(term)},
                std::vector<double>(channels, 0.0)};
    return add(x, std::move(result));
}

Feature NodeReader::pixel_mean(const onnx::NodeProto& node) {
    const Feature x = in_order(feature(node, 0));
    const Node& from = graph_.node(x.node);
    return add(x, Node{Op::pixel_mean, from.name + ".mean", from.channels, 1, 1, {}, {}, x.node});
}

Feature NodeReader::reduce_mean(const onnx::NodeProto& node) {
    auto axes = attribute(node, "axes", std::vector<std::int64_t>{});
    if (const Constant* given = constant(node, 1); given != nullptr) axes = given->integers;
    for (std::int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
    std::sort(axes.begin(), axes.end());
    if (axes != std::vector<std::int64_t>{2, 3}) throw Unsupported{"only the mean over height and width is supported"};
    Feature mean = pixel_mean(node);
    mean.flat = attribute(node, "keepdims", std::int64_t{1}) == 0;
    return mean;
}

Feature NodeReader::flatten(const onnx::NodeProto& node) {
    Feature x = feature(node, 0);
    const Node& from = graph_.node(x.node);
    if (from.height != 1 || from.width != 1)
        throw Unsupported{"only a tensor of one pixel can be flattened; take GlobalAveragePool first"};
    if (node.op_type() == "Flatten" && attribute(node, "axis", std::int64_t{1}) != 1)
        throw Unsupported{"only axis 1 is supported"};
    x.flat = true;
    return x;
}

Feature NodeReader::classifier(const onnx::NodeProto& node) {
    const Feature x = feature(node, 0);
    const Node& from = graph_.node(x.node);
    const Constant* weights = constant(node, 1);
    if (!x.flat || weights == nullptr || weights->dims.size() != 2 || weights->values.empty())
        throw Unsupported{"it must multiply [N, channels] by a constant matrix"};
    if (attribute(node, "transA", std::int64_t{0}) != 0) throw Unsupported{"transA is not supported"};
    const bool transposed = attribute(node, "transB", std::int64_t{0}) != 0;
    const auto outputs = static_cast<std::size_t>(weights->dims[transposed ? 0 : 1]);
    const auto inputs = static_cast<std::size_t>(weights->dims[transposed ? 1 : 0]);
    if (inputs != static_cast<std::size_t>(from.channels))
        throw Unsupported{fmt::format("a matrix for {} channels, the input has {}", inputs, from.channels)};
    const double alpha = attribute(node, "alpha", 1.0);
    const double beta = attribute(node, "beta", 1.0);
    Term term{x.node, from.channels, 1, {plan::Tap{0, 0}}, std::vector<double>(outputs * inputs)};
    for (std::size_t o = 0; o < outputs; ++o)
        for (std::size_t i = 0; i < inputs; ++i)
            term.weights[o * inputs + i] = alpha * weights->values[transposed ? o * inputs + i : i * outputs + o];
    Node result{Op::linear, layer_name(node),  static_cast<int>(outputs),        1,
                1,          {std::move(term)}, std::vector<double>(outputs, 0.0)};
    if (const Constant* bias = constant(node, 2); bias != nullptr) {
        if (bias->values.size() != outputs && bias->values.size() != 1)
            throw Unsupported{"its bias has the wrong size"};
        for (std::size_t o = 0; o < outputs; ++o)
            result.bias[o] = beta * bias->values[bias->values.size() == 1 ? 0 : o];
    }
    return add(x, std::move(result));
}

}  // namespace obscura::compiler
