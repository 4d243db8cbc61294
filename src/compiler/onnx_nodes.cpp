#include "compiler/onnx_nodes.hpp"

#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include <algorithm>

#include "base/error.hpp"

namespace obscura::compiler {
namespace {

const std::map<std::string, std::string> advice{
    {"Relu", "train with a quadratic activation (a z^2 + b z + c) instead"},
    {"MaxPool", "use AveragePool or a convolution with stride 2 instead"},
    {"Sigmoid", "train with a quadratic activation instead"},
    {"HardSwish", "train with a quadratic activation instead"},
    {"Clip", "remove it: values cannot be compared under encryption"},
    {"Softmax", "end the network with the scores; apply softmax after decryption"},
    {"LogSoftmax", "end the network with the scores; apply softmax after decryption"},
    {"InstanceNormalization", "use BatchNormalization instead, which is folded into the weights"},
    {"LayerNormalization", "use BatchNormalization instead, which is folded into the weights"}};

std::string display_name(const onnx::NodeProto& node) {
    if (!node.name().empty()) return node.name();
    return node.output_size() > 0 ? node.output(0) : "(unnamed)";
}

}  // namespace

NodeReader::NodeReader(const std::string& input_name, Node input) {
    const PixelMap map = PixelMap::identity(input.height, input.width);
    values_[input_name] = Feature{graph_.add(std::move(input)), map, false};
}

void NodeReader::read(const onnx::NodeProto& node) {
    try {
        if (node.output_size() == 0) throw Unsupported{"it has no output"};
        static const std::vector<std::string> known{"Conv",
                                                    "BatchNormalization",
                                                    "Add",
                                                    "Sub",
                                                    "Mul",
                                                    "Div",
                                                    "Pow",
                                                    "AveragePool",
                                                    "GlobalAveragePool",
                                                    "ReduceMean",
                                                    "Flatten",
                                                    "Reshape",
                                                    "Gemm",
                                                    "MatMul",
                                                    "Slice",
                                                    "Concat",
                                                    "Pad",
                                                    "Identity",
                                                    "Dropout",
                                                    "Constant",
                                                    "Squeeze"};
        if (std::find(known.begin(), known.end(), node.op_type()) == known.end()) {
            const auto found = advice.find(node.op_type());
            throw Unsupported{found != advice.end() ? found->second
                                                    : "this kind of node has no encrypted form; remove or replace it"};
        }
        // What depends on an unsupported node has no value; that node was noted already.
        for (const std::string& input : node.input())
            if (!input.empty() && values_.find(input) == values_.end()) return;
        Value value = translate(node);
        values_[node.output(0)] = std::move(value);
    } catch (const Unsupported& unsupported) {
        problems_ += fmt::format("\n  {} {}: {}", node.op_type(), display_name(node), unsupported.advice);
    }
}

Graph NodeReader::finish(const std::string& output_name, const std::string& path) {
    if (!problems_.empty())
        throw Error(ErrorCode::unsupported, fmt::format("{}: these nodes cannot be run:{}", path, problems_));
    const auto found = values_.find(output_name);
    if (found == values_.end() || !std::holds_alternative<Feature>(found->second))
        throw Error(ErrorCode::format, fmt::format("{}: no node computes the output {}", path, output_name));
    graph_.output = std::get<Feature>(found->second).node;
    return std::move(graph_);
}

NodeReader::Value NodeReader::translate(const onnx::NodeProto& node) {
    const std::string& op = node.op_type();
    if (op == "Identity" || op == "Dropout") return values_.at(node.input(0));
    if (op == "Constant") {
        for (const auto& attribute : node.attribute())
            if (attribute.name() == "value") return read_tensor(attribute.t());
        throw Unsupported{"only tensor constants are supported"};
    }
    if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div") return arithmetic(node);
    if (op == "Pow") return power(node);
    if (op == "Conv") return convolution(node);
    if (op == "BatchNormalization") return batch_norm(node);
    if (op == "AveragePool") return average_pool(node);
    if (op == "GlobalAveragePool") return pixel_mean(node);
    if (op == "ReduceMean") return reduce_mean(node);
    if (op == "Flatten" || op == "Reshape" || op == "Squeeze") return flatten(node);
    if (op == "Gemm" || op == "MatMul") return classifier(node);
    if (op == "Slice") return slice(node);
    if (op == "Concat") return concatenate(node);
    return pad(node);
}

const Feature& NodeReader::feature(const onnx::NodeProto& node, int input) const {
    if (input >= node.input_size()) throw Unsupported{fmt::format("input {} is missing", input)};
    const auto* found = std::get_if<Feature>(&values_.at(node.input(input)));
    if (found == nullptr) throw Unsupported{"it computes with constants only; simplify the model first"};
    return *found;
}

const Constant* NodeReader::constant(const onnx::NodeProto& node, int input) const {
    if (input >= node.input_size() || node.input(input).empty()) return nullptr;
    const auto* found = std::get_if<Constant>(&values_.at(node.input(input)));
    if (found == nullptr) throw Unsupported{fmt::format("input {} must be a constant", node.input(input))};
    return found;
}

std::vector<double> NodeReader::per_channel(const Feature& x, const Constant& constant) const {
    const auto channels = static_cast<std::size_t>(graph_.node(x.node).channels);
    if (constant.values.size() == 1) return std::vector<double>(channels, constant.values.front());
    // Dimensions align from the last one: [N, C] or [N, C, H, W].
    const std::size_t axis = x.flat ? 1 : 3;
    const bool fits = constant.dims.size() >= axis && constant.values.size() == channels &&
                      constant.dims[constant.dims.size() - axis] == static_cast<std::int64_t>(channels);
    if (!fits)
        throw Unsupported{fmt::format("its constant must have one number, or one for each of {} channels", channels)};
    return constant.values;
}

const Feature& NodeReader::in_order(const Feature& x) const {
    const Node& node = graph_.node(x.node);
    if (!x.map.is_identity(node.height, node.width))
        throw Unsupported{"it reads a sliced or padded tensor; only convolutions may"};
    return x;
}

Feature NodeReader::add(const Feature& like, Node node) {
    const PixelMap map = PixelMap::identity(node.height, node.width);
    return Feature{graph_.add(std::move(node)), map, like.flat};
}

Feature NodeReader::affine(const Feature& x, const std::vector<double>& scale, const std::vector<double>& shift,
                           const std::string& name) {
    return add(x, channel_affine(graph_, in_order(x).node, scale, shift, name));
}

}  // namespace obscura::compiler
