#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include <cmath>

#include "compiler/onnx_nodes.hpp"

/// Nodes that work channel by channel: arithmetic, powers, normalisation.
namespace obscura::compiler {

NodeReader::Value NodeReader::arithmetic(const onnx::NodeProto& node) {
    if (node.input_size() != 2) throw Unsupported{"it must have two inputs"};
    const Value& x = values_.at(node.input(0));
    const Value& y = values_.at(node.input(1));
    const auto* first = std::get_if<Feature>(&x);
    const auto* second = std::get_if<Feature>(&y);
    if (first != nullptr && second != nullptr) return combine(node, Feature(*first), Feature(*second));
    if (first != nullptr) return affine_with_constant(node, Feature(*first), std::get<Constant>(y), false);
    if (second != nullptr) return affine_with_constant(node, Feature(*second), std::get<Constant>(x), true);
    throw Unsupported{"it computes with constants only; simplify the model first"};
}

Feature NodeReader::affine_with_constant(const onnx::NodeProto& node, const Feature& x, const Constant& constant,
                                         bool constant_first) {
    const std::string& op = node.op_type();
    std::vector<double> numbers = per_channel(x, constant);
    std::vector<double> scale(numbers.size(), 1.0);
    std::vector<double> shift(numbers.size(), 0.0);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (op == "Add") shift[i] = numbers[i];
        if (op == "Sub") shift[i] = constant_first ? numbers[i] : -numbers[i];
        if (op == "Sub" && constant_first) scale[i] = -1;
        if (op == "Mul") scale[i] = numbers[i];
        if (op != "Div") continue;
        if (constant_first) throw Unsupported{"division by an encrypted value is impossible"};
        if (numbers[i] == 0) throw Unsupported{"it divides by zero"};
        scale[i] = 1 / numbers[i];
    }
    return affine(x, scale, shift, graph_.node(x.node).name);
}

Feature NodeReader::combine(const onnx::NodeProto& node, const Feature& x, const Feature& y) {
    const std::string& op = node.op_type();
    const Node& left = graph_.node(in_order(x).node);
    const Node& right = graph_.node(in_order(y).node);
    if (op == "Div") throw Unsupported{"division by an encrypted value is impossible"};
    if (left.channels != right.channels || left.height != right.height || left.width != right.width || x.flat != y.flat)
        throw Unsupported{fmt::format("shapes {}x{}x{} and {}x{}x{} differ", left.channels, left.height, left.width,
                                      right.channels, right.height, right.width)};
    Node result{Op::multiply, left.name, left.channels, left.height, left.width, {}, {}, x.node, y.node};
    if (op != "Mul") {
        const auto channels = static_cast<std::size_t>(left.channels);
        result.op = Op::linear;
        result.left = result.right = -1;
        result.bias.assign(channels, 0.0);
        result.terms.push_back(channel_scale(x.node, std::vector<double>(channels, 1.0)));
        result.terms.push_back(channel_scale(y.node, std::vector<double>(channels, op == "Sub" ? -1.0 : 1.0)));
    }
    return add(x, std::move(result));
}

Feature NodeReader::power(const onnx::NodeProto& node) {
    const Feature x = in_order(feature(node, 0));
    const Constant* exponent = constant(node, 1);
    const bool two = exponent != nullptr && exponent->elements() == 1 &&
                     (exponent->values.empty() ? exponent->integers.front() == 2 : exponent->values.front() == 2.0);
    if (!two) throw Unsupported{"only the power 2 is supported"};
    const Node& from = graph_.node(x.node);
    return add(x, Node{Op::multiply, from.name, from.channels, from.height, from.width, {}, {}, x.node, x.node});
}

Feature NodeReader::batch_norm(const onnx::NodeProto& node) {
    const Feature x = feature(node, 0);
    std::vector<std::vector<double>> parameters;
    for (int i = 1; i <= 4; ++i) {
        const Constant* values = constant(node, i);
        if (values == nullptr || values->values.size() != static_cast<std::size_t>(graph_.node(x.node).channels))
            throw Unsupported{"scale, bias, mean and variance must be constants, one number a channel"};
        parameters.push_back(values->values);
    }
    const double epsilon = attribute(node, "epsilon", 1e-5);
    std::vector<double> scale = parameters[0];
    std::vector<double> shift = parameters[1];
    for (std::size_t i = 0; i < scale.size(); ++i) {
        if (parameters[3][i] + epsilon <= 0) throw Unsupported{"a variance is negative"};
        scale[i] /= std::sqrt(parameters[3][i] + epsilon);
        shift[i] -= scale[i] * parameters[2][i];
    }
    return affine(x, scale, shift, graph_.node(x.node).name);
}

}  // namespace obscura::compiler
