#pragma once

#include <span>

#include "runtime/segment_contexts.hpp"
#include "runtime/server.hpp"

namespace obscura::runtime {

/// Runs all layers of a plan on an encrypted input with the keys of every section of a key file; memory is freed as
/// soon as no later layer reads it. Returns the class scores, one ciphertext a class. `memory` says how layers are cut
/// into blocks. Fills one LayerReport a layer. Throws Error(cancelled) between blocks of a layer when `progress` says
/// so.
std::vector<ckks::Ciphertext> execute(const plan::Plan& plan, const SegmentContexts& contexts,
                                      std::span<const ckks::EvaluationKeys> keys, tensor::FeatureMap&& input,
                                      ckks::LimbPool& pool, ThreadPool& threads, const tensor::MemoryPlan& memory,
                                      Progress& progress, std::vector<LayerReport>& reports);

}  // namespace obscura::runtime
