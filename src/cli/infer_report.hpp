#pragma once

#include <string>

#include "cli/report.hpp"
#include "runtime/server.hpp"

namespace obscura::cli {

/// All fields of a server's report; seconds and bytes as plain numbers.
Json infer_json(const runtime::InferenceReport& report, int threads);

/// Where the time went, a line a layer.
std::string infer_text(const runtime::InferenceReport& report);

}  // namespace obscura::cli
