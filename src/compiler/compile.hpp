#pragma once

#include <string>
#include <vector>

#include "io/images.hpp"
#include "plan/plan.hpp"
#include "plan/real_network.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::compiler {

/// CompileOptions::weight_bits: the fewest that still give at least 99% of the calibration images the class that exact
/// weights give them.
inline constexpr int fewest_weight_bits = -1;

struct CompileOptions {
    int batch = 0;       ///< images to expect: the layout is chosen for them; 0: so many that only throughput counts
    int run_length = 0;  ///< pixels a tile (plan/layout.hpp), instead of a choice
    std::uint64_t memory_bytes = 5'000'000'000;  ///< of the server process
    tensor::MachineRates rates;                  ///< of the server, for the choice
    /// log2 of the usual rms of the integers z, and of the bits of a prime that weights do not get. Scales are balanced
    /// from there (scales.hpp): more is less noise and coarser weights.
    double log_scale = 22;
    int weight_bits = 0;  ///< integer weights are usually in units of 2^-weight_bits of the output's rms, times the
                          ///< mean of the input: primes have log_scale + weight_bits bits. 0: primes of 30 bits; or
                          ///< fewest_weight_bits
    double last_log_scale = 20.5;     ///< the same before the head, whose sum over pixels has to fit two primes: for 64
                                      ///< pixels, a quarter of a bit less for every doubling
    int log_degree = 0;               ///< log2 of the ring degree; 0: the smallest that is 128-bit secure
    bool insecure_for_tests = false;  ///< accept a log_degree that is not secure
    bool merge_tiles = true;          ///< merge idle tiles after strides (Layer::merged_run): faster, some bits more
    /// Refuse to compile with less head-room: the largest value that a layer is certain to carry (value_range.hpp) over
    /// the largest that calibration saw. 1 or more.
    double min_headroom = 2;
    double head_headroom_bits = 3;  ///< wanted for the class scores, given up bit by bit below 8-bit weights
    int threads = 0;                ///< 0: one a core
    std::string model;              ///< name; empty: the ONNX files' "network" property, or their file names
    std::vector<std::string> class_names;
};

/// The network of an ONNX file, or an ensemble of several files, as layers and squares, in real arithmetic. Throws as
/// import_onnx and the passes do.
plan::RealNetwork import_network(const std::vector<std::string>& onnx_paths);
inline plan::RealNetwork import_network(const std::string& onnx_path) {
    return import_network(std::vector{onnx_path});
}

/// ONNX to plan; several files are an ensemble, whose scores are the mean of theirs. `calibration` are typical images
/// of the network's input shape (a few hundred); they decide scales, and peaks and noise are measured on them. The plan
/// is validated. Throws Error(unsupported) for networks that cannot run, Error(usage) for files that make no ensemble,
/// Error(range) if values do not fit with the headroom asked for, Error(security) if no ring degree is secure,
/// Error(format) for images of another shape.
plan::Plan compile(const std::vector<std::string>& onnx_paths, const io::Images& calibration,
                   const CompileOptions& options);
inline plan::Plan compile(const std::string& onnx_path, const io::Images& calibration, const CompileOptions& options) {
    return compile(std::vector{onnx_path}, calibration, options);
}

}  // namespace obscura::compiler
