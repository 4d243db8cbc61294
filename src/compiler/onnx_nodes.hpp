#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "compiler/graph.hpp"
#include "compiler/onnx_tensor.hpp"
#include "compiler/pixel_map.hpp"

/// Translation of ONNX nodes, one after the other. Details of the importer; not for other folders.
namespace obscura::compiler {

/// A tensor of the network: a node's output with its pixels rearranged.
struct Feature {
    int node = -1;
    PixelMap map;
    bool flat = false;  ///< shape [N, C] instead of [N, C, H, W]
};

/// Thrown inside the importer for a node that cannot be translated; collected, never seen outside.
struct Unsupported {
    std::string advice;
};

class NodeReader {
  public:
    NodeReader(const std::string& input_name, Node input);

    void add_constant(const std::string& name, Constant constant) { values_[name] = std::move(constant); }
    /// Translates a node, or notes that it is unsupported. Nodes that depend on such a node are skipped, except that
    /// their kind is checked.
    void read(const onnx::NodeProto& node);
    /// Throws Error(unsupported) listing everything noted.
    Graph finish(const std::string& output_name, const std::string& path);

  private:
    using Value = std::variant<Feature, Constant>;

    Value translate(const onnx::NodeProto& node);
    Value arithmetic(const onnx::NodeProto& node);
    Feature affine_with_constant(const onnx::NodeProto& node, const Feature& x, const Constant& constant,
                                 bool constant_first);
    Feature combine(const onnx::NodeProto& node, const Feature& x, const Feature& y);
    Feature power(const onnx::NodeProto& node);
    Feature convolution(const onnx::NodeProto& node);
    Feature batch_norm(const onnx::NodeProto& node);
    Feature average_pool(const onnx::NodeProto& node);
    Feature pixel_mean(const onnx::NodeProto& node);
    Feature reduce_mean(const onnx::NodeProto& node);
    Feature flatten(const onnx::NodeProto& node);
    Feature classifier(const onnx::NodeProto& node);
    Value slice(const onnx::NodeProto& node);
    Feature concatenate(const onnx::NodeProto& node);
    Feature pad(const onnx::NodeProto& node);

    const Feature& feature(const onnx::NodeProto& node, int input) const;
    /// A constant input; nullptr if it is absent, Unsupported if it is no constant.
    const Constant* constant(const onnx::NodeProto& node, int input) const;
    /// A constant's value for each channel of x; Unsupported if it varies over pixels.
    std::vector<double> per_channel(const Feature& x, const Constant& constant) const;
    /// x must be in its natural order, as it is for everything but padding and convolution.
    const Feature& in_order(const Feature& x) const;
    Feature add(const Feature& like, Node node);
    Feature affine(const Feature& x, const std::vector<double>& scale, const std::vector<double>& shift,
                   const std::string& name);

    Graph graph_;
    std::map<std::string, Value> values_;
    std::string problems_;
};

}  // namespace obscura::compiler
