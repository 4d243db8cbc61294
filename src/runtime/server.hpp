#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "plan/plan.hpp"
#include "tensor/memory_model.hpp"

/// What the server does. Nothing reachable from here can read a secret key.
namespace obscura::runtime {

struct LayerReport {
    std::string name;
    double seconds = 0;
    double relinearise_seconds = 0;     ///< squares and their key switching
    double rotate_seconds = 0;          ///< digits of hoisted rotations
    double product_seconds = 0;         ///< rotation keys' inner products and the integer matrix product
    double finish_seconds = 0;          ///< division by P and the last prime
    std::uint64_t peak_limb_bytes = 0;  ///< largest amount of residue memory in use so far
};

/// Sums over all groups that were evaluated.
struct InferenceReport {
    double seconds = 0;                      ///< evaluation, without reading files and reserving memory
    double load_seconds = 0;                 ///< reading and expanding keys and ciphertexts, reserving memory
    std::uint64_t peak_limb_bytes = 0;       ///< largest amount of residue memory in use
    std::uint64_t predicted_limb_bytes = 0;  ///< what the memory model said
    std::uint64_t peak_process_bytes = 0;    ///< peak resident set of the process
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
    int images = 0;  ///< of the whole request
    int groups = 0;
    int groups_resumed = 0;  ///< of those: finished by an earlier run
    std::string kernels;     ///< the variant: "scalar", "avx2", ...
    std::vector<LayerReport> layers;
};

struct InferenceOptions {
    int threads = 0;  ///< 0: all cores
    /// Memory of the process to stay within, in bytes; else what the plan was made for, or a little more where more
    /// threads than then need it.
    std::optional<std::uint64_t> memory_bytes;
    bool restart = false;  ///< discard what an interrupted run has finished
};

/// Runs the plan on every group of a request as it arrives, one at a time in memory that is reserved once, and appends
/// its result to the response at once. `request_path` and `response_path` may be "-" (standard input and output).
///
/// Until it is complete, a response file is called `response_path`.partial; a run that is stopped, or killed, leaves
/// the groups that it finished there, and the next run on the same request goes on after them. The bytes of a response
/// depend on keys and request alone, not on where a run was interrupted.
///
/// Throws Error(format) if files belong to different plans or keys, or the partial file to another request;
/// Error(security) if a secret key is passed; Error(resource) if the plan cannot run in the memory asked for, before
/// keys and request are read; Error(cancelled) when progress says so.
InferenceReport infer(const plan::Plan& plan, const std::string& evaluation_path, const std::string& request_path,
                      const std::string& response_path, const InferenceOptions& options, Progress& progress);

}  // namespace obscura::runtime
