#include "io/input_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace obscura::io {
namespace {

[[noreturn]] void fail(const std::string& name, const char* action) {
    const int reason = errno;
    throw Error(ErrorCode::io, fmt::format("{}: cannot {}: {}", name, action, std::strerror(reason)));
}

[[noreturn]] void stop(const std::string& name) {
    throw Error(ErrorCode::cancelled, fmt::format("interrupted while waiting for {}", name));
}

}  // namespace

InputStream::InputStream(const std::string& path, Cancelled cancelled)
    : name_(path == standard_stream ? "standard input" : path), cancelled_(std::move(cancelled)) {
    if (path == standard_stream) {
        file_ = STDIN_FILENO;
    } else {
        // Opening a named pipe waits for its writer.
        while ((file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) < 0) {
            if (errno != EINTR) fail(name_, "open");
            if (cancelled_ && cancelled_()) stop(name_);
        }
    }
    struct stat info {};
    if (::fstat(file_, &info) != 0) fail(name_, "inspect");
    if (S_ISDIR(info.st_mode)) throw Error(ErrorCode::format, name_ + ": this is a folder and not a regular file");
    if (!S_ISREG(info.st_mode)) return;
    // A shell may have moved standard input forward in its file.
    const off_t start = ::lseek(file_, 0, SEEK_CUR);
    if (start < 0) fail(name_, "inspect");
    size_ = static_cast<std::uint64_t>(std::max<off_t>(info.st_size - start, 0));
}

InputStream::~InputStream() {
    if (file_ > STDIN_FILENO) ::close(file_);
}

std::optional<std::uint64_t> InputStream::remaining() const {
    if (!size_) return {};
    return *size_ - std::min(*size_, position_);
}

bool InputStream::at_end() {
    if (ahead_) return false;
    std::uint8_t byte = 0;
    if (read_some({&byte, 1}) == 0) return true;
    ahead_ = byte;
    return false;
}

std::size_t InputStream::read(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    if (ahead_ && !out.empty()) {
        out[done++] = *ahead_;
        ahead_.reset();
    }
    while (done < out.size()) {
        const std::size_t n = read_some(out.subspan(done));
        if (n == 0) break;
        done += n;
    }
    position_ += done;
    return done;
}

std::size_t InputStream::read_some(std::span<std::uint8_t> out) {
    while (true) {
        if (!size_) wait();
        const ssize_t n = ::read(file_, out.data(), out.size());
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) fail(name_, "read");
    }
}

/// Looks for a request to stop several times a second: a signal that arrives just before a blocking read would
/// otherwise be noticed only when the next byte comes, which may be never.
void InputStream::wait() const {
    constexpr int milliseconds = 200;
    pollfd event{file_, POLLIN, 0};
    while (::poll(&event, 1, milliseconds) <= 0)
        if (cancelled_ && cancelled_()) stop(name_);
}

}  // namespace obscura::io
