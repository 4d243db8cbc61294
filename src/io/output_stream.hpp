#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/input_stream.hpp"

namespace obscura::io {

/// What becomes of a file that is not finished.
enum class OutputMode {
    discard,   ///< it is removed
    secret,    ///< removed as well; readable by its owner only, and on disk before it gets its name
    resumable  ///< what was committed stays in `path`.partial, for a later stream to go on with
};

/// Bytes to a file, which appears under its name only when it is complete, or to standard output. Until finish() a file
/// is called `path`.partial. Every function throws Error(io) with the system's reason.
class OutputStream {
  public:
    /// `path` may be standard_stream. An older `path`.partial is removed, unless the mode is resumable: then it is
    /// opened as it is, and keep() says how much of it is good; another process must not be writing it.
    /// `cancelled` is asked while a pipe takes nothing.
    OutputStream(const std::string& path, OutputMode mode, Cancelled cancelled = {});
    ~OutputStream();
    OutputStream(const OutputStream&) = delete;
    OutputStream& operator=(const OutputStream&) = delete;

    /// For messages: the path, or "standard output".
    const std::string& name() const { return name_; }
    /// Where the bytes are until the end; empty for standard output.
    const std::string& partial() const { return partial_; }
    /// Bytes from the start to here.
    std::uint64_t position() const { return position_; }

    /// Makes sure that there is room for `bytes` more, so that a full disk is reported now and not after hours of work.
    void reserve(std::uint64_t bytes);
    /// Throws Error(cancelled) when a pipe takes nothing and `cancelled` says so.
    void write(std::span<const std::uint8_t> data);
    /// Goes on after the first `bytes` bytes of an older partial file, whose rest is cut off.
    void keep(std::uint64_t bytes);
    /// What is written so far survives this process, and this machine's failing.
    void commit();
    /// Moves a file into place.
    void finish();

  private:
    void wait() const;
    [[noreturn]] void fail(const char* action) const;

    std::string path_;
    std::string name_;
    std::string partial_;
    OutputMode mode_;
    Cancelled cancelled_;
    int file_ = -1;
    std::uint64_t position_ = 0;
    std::uint64_t committed_ = 0;
};

}  // namespace obscura::io
