#pragma once

#include <map>
#include <string>

#include "compiler/graph.hpp"

namespace obscura::compiler {

struct ImportedModel {
    Graph graph;
    std::map<std::string, std::string> properties;  ///< the file's metadata
};

/// Reads an ONNX file (opset 7 or later, float32) whose input is raw pixels [N, C, H, W], 0..255.
///
/// Nodes: Conv, BatchNormalization, Add, Sub, Mul, Div, Pow, AveragePool, GlobalAveragePool, ReduceMean, Flatten,
/// Reshape, Squeeze, Gemm, MatMul, Slice, Concat, Pad, Identity, Dropout, Constant. Slice, Concat and Pad may arrange
/// pixels in any way as long as every convolution ends up reading cyclic neighbours of its centre pixel
/// (plan/padding.hpp) or zeros, which is checked on pixel numbers, not on patterns of nodes.
///
/// Throws Error(io) if the file cannot be read, Error(format) if it is no ONNX file or damaged, and Error(unsupported)
/// listing every node that cannot be run, with what to do about it.
ImportedModel import_onnx(const std::string& path);

}  // namespace obscura::compiler
