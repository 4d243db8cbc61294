#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace onnx {
class TensorProto;
class NodeProto;
}  // namespace onnx

/// Constants and attributes of ONNX nodes. Details of the importer; not for other folders.
namespace obscura::compiler {

/// A constant; `values` for floating types, `integers` for integer types, the other one empty.
struct Constant {
    std::vector<std::int64_t> dims;
    std::vector<double> values;
    std::vector<std::int64_t> integers;

    std::int64_t elements() const;
};

/// Throws Error(format) if sizes disagree, Error(unsupported) for other types than float, double, int32 and int64.
Constant read_tensor(const onnx::TensorProto& tensor);

/// Attributes with their default.
std::int64_t attribute(const onnx::NodeProto& node, const char* name, std::int64_t otherwise);
double attribute(const onnx::NodeProto& node, const char* name, double otherwise);
std::string attribute(const onnx::NodeProto& node, const char* name, const std::string& otherwise);
std::vector<std::int64_t> attribute(const onnx::NodeProto& node, const char* name,
                                    const std::vector<std::int64_t>& otherwise);

}  // namespace obscura::compiler
