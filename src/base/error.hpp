#pragma once

#include <stdexcept>
#include <string>

namespace obscura {

/// What kind of thing went wrong; the value is also the exit status of the command line program.
enum class ErrorCode : int {
    usage = 2,        ///< the command was called wrongly
    io = 3,           ///< a file or pipe could not be read or written
    format = 4,       ///< a file is damaged, truncated, of another kind, version or parameter set
    security = 5,     ///< parameters below 128 bits, or a secret key where none may be
    unsupported = 6,  ///< the network uses something Obscura cannot run
    range = 7,        ///< values leave the range that the parameters can hold
    resource = 8,     ///< not enough memory, or a budget that cannot be met
    cancelled = 130,  ///< interrupted by the user
};

/// Anything a user, a file or a peer can cause. The message says what, where, the numbers, and what to do.
/// Programming mistakes are asserts, never an Error.
class Error : public std::runtime_error {
  public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    ErrorCode code() const noexcept { return code_; }

  private:
    ErrorCode code_;
};

}  // namespace obscura
