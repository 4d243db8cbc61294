#include "compiler/onnx_tensor.hpp"

#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include <cmath>
#include <cstring>

#include "base/error.hpp"

namespace obscura::compiler {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 28;

[[noreturn]] void fail(const onnx::TensorProto& tensor, const std::string& what) {
    throw Error(ErrorCode::format, fmt::format("ONNX tensor {}: {}", tensor.name(), what));
}

/// Elements stored either as raw little-endian bytes or in the field of their type.
template <typename Stored, typename Field, typename Out>
void read_elements(const onnx::TensorProto& tensor, const Field& field, std::int64_t count, std::vector<Out>& out) {
    const auto n = static_cast<std::size_t>(count);
    if (tensor.has_raw_data()) {
        const std::string& raw = tensor.raw_data();
        if (raw.size() != n * sizeof(Stored)) fail(tensor, fmt::format("{} bytes for {} elements", raw.size(), count));
        for (std::size_t i = 0; i < n; ++i) {
            Stored value;
            std::memcpy(&value, raw.data() + i * sizeof(Stored), sizeof value);
            out.push_back(static_cast<Out>(value));
        }
        return;
    }
    if (static_cast<std::size_t>(field.size()) != n)
        fail(tensor, fmt::format("{} values for {} elements", field.size(), count));
    for (const auto value : field) out.push_back(static_cast<Out>(value));
}

const onnx::AttributeProto* find(const onnx::NodeProto& node, const char* name) {
    for (const onnx::AttributeProto& attribute : node.attribute())
        if (attribute.name() == name) return &attribute;
    return nullptr;
}

}  // namespace

std::int64_t Constant::elements() const {
    std::int64_t product = 1;
    for (const std::int64_t dim : dims) product *= dim;
    return product;
}

Constant read_tensor(const onnx::TensorProto& tensor) {
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
        throw Error(ErrorCode::unsupported,
                    fmt::format("ONNX tensor {} is stored in another file; save the model with its weights inside",
                                tensor.name()));
    Constant constant;
    std::int64_t count = 1;
    for (const std::int64_t dim : tensor.dims()) {
        if (dim < 0 || dim > most_elements) fail(tensor, fmt::format("dimension {}", dim));
        count *= dim;
        if (count > most_elements) fail(tensor, "too large");
        constant.dims.push_back(dim);
    }
    switch (tensor.data_type()) {
        case onnx::TensorProto::FLOAT:
            read_elements<float>(tensor, tensor.float_data(), count, constant.values);
            break;
        case onnx::TensorProto::DOUBLE:
            read_elements<double>(tensor, tensor.double_data(), count, constant.values);
            break;
        case onnx::TensorProto::INT32:
            read_elements<std::int32_t>(tensor, tensor.int32_data(), count, constant.integers);
            break;
        case onnx::TensorProto::INT64:
            read_elements<std::int64_t>(tensor, tensor.int64_data(), count, constant.integers);
            break;
        default:
            throw Error(ErrorCode::unsupported,
                        fmt::format("ONNX tensor {} has element type {}; export the model in float32", tensor.name(),
                                    tensor.data_type()));
    }
    for (const double value : constant.values)
        if (!std::isfinite(value)) fail(tensor, "a value is not finite");
    return constant;
}

std::int64_t attribute(const onnx::NodeProto& node, const char* name, std::int64_t otherwise) {
    const auto* found = find(node, name);
    return found == nullptr ? otherwise : found->i();
}

double attribute(const onnx::NodeProto& node, const char* name, double otherwise) {
    const auto* found = find(node, name);
    return found == nullptr ? otherwise : static_cast<double>(found->f());
}

std::string attribute(const onnx::NodeProto& node, const char* name, const std::string& otherwise) {
    const auto* found = find(node, name);
    return found == nullptr ? otherwise : found->s();
}

std::vector<std::int64_t> attribute(const onnx::NodeProto& node, const char* name,
                                    const std::vector<std::int64_t>& otherwise) {
    const auto* found = find(node, name);
    if (found == nullptr) return otherwise;
    return {found->ints().begin(), found->ints().end()};
}

}  // namespace obscura::compiler
