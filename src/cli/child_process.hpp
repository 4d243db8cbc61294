#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obscura::cli {

/// How a child process ended.
struct ChildResult {
    double seconds = 0;            ///< wall time from start to end
    std::uint64_t peak_bytes = 0;  ///< peak resident set, as the kernel counted it
};

/// Path of this program's executable. Throws Error(io).
std::string own_executable();

/// Runs this program again with `arguments` in `folder` and waits for it. The child's standard output is discarded
/// (reports travel through files), its standard error is shared. A request to stop is passed on. The child gets no
/// open file but the standard three.
/// Throws Error with the child's exit status if that is not 0, Error(cancelled) if the user stopped it.
ChildResult run_self(const std::vector<std::string>& arguments, const std::string& folder);

}  // namespace obscura::cli
