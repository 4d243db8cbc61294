#include "compiler/onnx_import.hpp"

#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include <fstream>

#include "base/error.hpp"
#include "compiler/onnx_nodes.hpp"

namespace obscura::compiler {
namespace {

constexpr int oldest_opset = 7;
constexpr std::int64_t largest_side = 2048;
constexpr std::int64_t most_channels = 4096;

onnx::ModelProto read_model(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error(ErrorCode::io, fmt::format("{}: cannot be opened", path));
    onnx::ModelProto model;
    if (!model.ParseFromIstream(&file) || model.graph().node_size() == 0)
        throw Error(ErrorCode::format, fmt::format("{}: not an ONNX file, or damaged", path));
    for (const auto& opset : model.opset_import())
        if (opset.domain().empty() && opset.version() < oldest_opset)
            throw Error(ErrorCode::unsupported,
                        fmt::format("{}: opset {}, at least {} is needed; export the model again", path,
                                    opset.version(), oldest_opset));
    return model;
}

/// The one graph input that is not a weight.
const onnx::ValueInfoProto& find_input(const onnx::GraphProto& graph, const std::string& path) {
    const onnx::ValueInfoProto* found = nullptr;
    for (const auto& input : graph.input()) {
        bool weight = false;
        for (const auto& initializer : graph.initializer()) weight = weight || initializer.name() == input.name();
        if (weight) continue;
        if (found != nullptr)
            throw Error(ErrorCode::unsupported, fmt::format("{}: inputs {} and {}; a network takes one image", path,
                                                            found->name(), input.name()));
        found = &input;
    }
    if (found == nullptr) throw Error(ErrorCode::format, path + ": the network has no input");
    return *found;
}

Node input_node(const onnx::ValueInfoProto& input, const std::string& path) {
    const auto& shape = input.type().tensor_type().shape();
    Node node;
    node.name = input.name();
    const bool known = shape.dim_size() == 4 && shape.dim(1).dim_value() > 0 && shape.dim(2).dim_value() > 0 &&
                       shape.dim(3).dim_value() > 0 && shape.dim(1).dim_value() <= most_channels &&
                       shape.dim(2).dim_value() <= largest_side && shape.dim(3).dim_value() <= largest_side;
    if (!known)
        throw Error(ErrorCode::unsupported,
                    fmt::format("{}: input {} must have the shape [N, channels, height, width] with fixed channels (up "
                                "to {}), height and width (up to {}); export the model with such an input",
                                path, input.name(), most_channels, largest_side));
    node.channels = static_cast<int>(shape.dim(1).dim_value());
    node.height = static_cast<int>(shape.dim(2).dim_value());
    node.width = static_cast<int>(shape.dim(3).dim_value());
    return node;
}

}  // namespace

ImportedModel import_onnx(const std::string& path) {
    const onnx::ModelProto model = read_model(path);
    const onnx::GraphProto& graph = model.graph();
    if (graph.output_size() != 1)
        throw Error(ErrorCode::unsupported, fmt::format("{}: {} outputs; a network gives class scores and nothing else",
                                                        path, graph.output_size()));
    const onnx::ValueInfoProto& input = find_input(graph, path);
    NodeReader reader(input.name(), input_node(input, path));
    for (const auto& initializer : graph.initializer())
        reader.add_constant(initializer.name(), read_tensor(initializer));
    for (const auto& node : graph.node()) reader.read(node);
    ImportedModel result;
    result.graph = reader.finish(graph.output(0).name(), path);
    for (const auto& property : model.metadata_props()) result.properties[property.key()] = property.value();
    return result;
}

}  // namespace obscura::compiler
