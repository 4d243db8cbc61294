#pragma once

#include <string>
#include <vector>

#include "cli/accuracy.hpp"
#include "cli/report.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"

/// The whole job as a user would run it, each step in a process of its own: compile, make keys, encrypt, infer,
/// decrypt, compare. Shared by `demo` and `bench e2e`.
namespace obscura::cli {

struct EndToEndOptions {
    std::string model;        ///< .onnx file, or a plan that was compiled before
    std::string calibration;  ///< images for compiling; unused for a plan
    std::string images;
    std::string labels;  ///< empty: those that come with the images
    int tile = 32;       ///< side of the tiles of a mosaic
    int count = 0;       ///< first images taken, and from the first again if there are fewer; 0: at most one group
    int threads = 0;
    int runs = 1;         ///< of the server, on the same request; the report is of the one that took the median time
    std::string classes;  ///< names of the classes for compiling; may be empty
    int run_length = 0;   ///< of the plan; 0: the compiler chooses, for `count` images
    std::string memory;   ///< of the server process, for compiling, such as "4G"; empty: the compiler's default
    std::string machine;  ///< rates of this machine, for compiling and predicting; empty: the defaults
    std::string folder;   ///< gets client/ and server/; made if it is not there
};

struct EndToEndResult {
    plan::Plan plan;
    io::Images images;  ///< those that were encrypted
    int distinct = 0;   ///< of these; more than that are repetitions
    runtime::Scores scores;
    Accuracy accuracy;
    Json report;        ///< fields: docs/cli.md
    std::string table;  ///< the same for people
};

/// What only the key owner may see is in `folder`/client; the server process is started in `folder`/server and is given
/// the plan, the evaluation keys and the request by name. Prints a line a step to standard output unless `quiet`.
/// Throws what the steps throw.
EndToEndResult run_end_to_end(const EndToEndOptions& options, bool quiet);

}  // namespace obscura::cli
