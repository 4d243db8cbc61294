#pragma once

namespace obscura::cli {

/// The project version in CMakeLists.txt.
inline constexpr const char* version = "0.1.0";

}  // namespace obscura::cli
