#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace obscura::io {

/// On the command line, in place of a file's name: standard input or standard output.
inline constexpr const char* standard_stream = "-";

/// Asked while a pipe has nothing to read or no room to write; true ends the wait with Error(cancelled).
using Cancelled = std::function<bool()>;

/// Bytes of a file or a pipe, front to back.
class InputStream {
  public:
    /// `path` may be a regular file, a named pipe, or standard_stream. Throws Error(io) if it cannot be opened,
    /// Error(format) if it is a folder.
    explicit InputStream(const std::string& path, Cancelled cancelled = {});
    ~InputStream();
    InputStream(const InputStream&) = delete;
    InputStream& operator=(const InputStream&) = delete;

    /// For messages: the path, or "standard input".
    const std::string& name() const { return name_; }
    /// Bytes from the start to here.
    std::uint64_t position() const { return position_; }
    /// Bytes that a regular file still has; nothing is known of a pipe.
    std::optional<std::uint64_t> remaining() const;
    /// Whether there is nothing left to read. Waits for a pipe's next byte.
    bool at_end();
    /// Fills `out` and returns its size, or less at the end. Throws Error(io), Error(cancelled).
    std::size_t read(std::span<std::uint8_t> out);

  private:
    std::size_t read_some(std::span<std::uint8_t> out);
    void wait() const;

    std::string name_;
    Cancelled cancelled_;
    int file_ = -1;
    std::optional<std::uint64_t> size_;  ///< of a regular file
    std::optional<std::uint8_t> ahead_;  ///< read by at_end() and not yet handed out
    std::uint64_t position_ = 0;
};

}  // namespace obscura::io
