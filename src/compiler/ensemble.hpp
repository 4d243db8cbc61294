#pragma once

#include <string>
#include <vector>

#include "compiler/graph.hpp"
#include "compiler/onnx_import.hpp"

namespace obscura::compiler {

/// Several networks on one input as one network, whose scores are the mean of theirs. Names of nodes get the prefix
/// "member0.", "member1.", ... `names` say in errors which member is which.
/// Throws Error(usage) if the members' images or numbers of classes differ.
Graph mean_of(const std::vector<Graph>& members, const std::vector<std::string>& names);

/// Reads one network, or several as an ensemble. Of several, the properties that all files agree on are kept.
/// Throws as import_onnx and mean_of do, and Error(usage) if there is no path.
ImportedModel import_models(const std::vector<std::string>& onnx_paths);

}  // namespace obscura::compiler
