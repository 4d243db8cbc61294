#include "io/output_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.hpp"

namespace obscura::io {

void OutputStream::fail(const char* action) const {
    const int reason = errno;
    throw Error(ErrorCode::io,
                fmt::format("{}: cannot {}: {}", partial_.empty() ? name_ : partial_, action, std::strerror(reason)));
}

OutputStream::OutputStream(const std::string& path, OutputMode mode, Cancelled cancelled)
    : path_(path), name_(path), mode_(mode), cancelled_(std::move(cancelled)) {
    if (path == standard_stream) {
        name_ = "standard output";
        file_ = STDOUT_FILENO;
        return;
    }
    partial_ = path + ".partial";
    int how = O_RDWR | O_CREAT | O_CLOEXEC;
    if (mode != OutputMode::resumable) {
        // Left by a killed run; removing it first makes sure that the new file gets the permissions asked for here.
        ::unlink(partial_.c_str());
        how |= O_EXCL;
    }
    file_ = ::open(partial_.c_str(), how, mode == OutputMode::secret ? 0600 : 0644);
    if (file_ < 0) fail("create");
    if (mode == OutputMode::resumable && ::flock(file_, LOCK_EX | LOCK_NB) != 0) {
        const bool taken = errno == EWOULDBLOCK;
        ::close(file_);
        if (!taken) fail("lock");
        throw Error(ErrorCode::io, partial_ + ": another process is writing it; wait for it, or name another file");
    }
    // what an earlier run left is not removed before keep() has said that nothing of it is good
    if (mode == OutputMode::resumable) committed_ = static_cast<std::uint64_t>(::lseek(file_, 0, SEEK_END));
}

OutputStream::~OutputStream() {
    if (file_ < 0 || partial_.empty()) return;
    if (mode_ != OutputMode::resumable || committed_ == 0) ::unlink(partial_.c_str());
    ::close(file_);
}

void OutputStream::reserve(std::uint64_t bytes) {
    if (partial_.empty() || bytes == 0) return;
    int result = 0;
    do {
        // Keeping the size: it tells how much is written.
        result = ::fallocate(file_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(position_), static_cast<off_t>(bytes));
    } while (result != 0 && errno == EINTR);
    if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return;
    const int reason = errno;
    throw Error(ErrorCode::io, fmt::format("{}: cannot reserve {} bytes: {}", path_, bytes, std::strerror(reason)));
}

void OutputStream::write(std::span<const std::uint8_t> data) {
    while (!data.empty()) {
        std::size_t size = data.size();
        if (partial_.empty()) {
            wait();
            size = std::min<std::size_t>(size, PIPE_BUF);  // what a pipe that has room takes without blocking
        }
        const ssize_t n = ::write(file_, data.data(), size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("write");
        position_ += static_cast<std::uint64_t>(n);
        data = data.subspan(static_cast<std::size_t>(n));
    }
}

/// As InputStream's: no signal is missed while nobody reads.
void OutputStream::wait() const {
    constexpr int milliseconds = 200;
    pollfd event{file_, POLLOUT, 0};
    while (::poll(&event, 1, milliseconds) <= 0)
        if (cancelled_ && cancelled_()) throw Error(ErrorCode::cancelled, "interrupted while writing " + name_);
}

void OutputStream::keep(std::uint64_t bytes) {
    if (::ftruncate(file_, static_cast<off_t>(bytes)) != 0) fail("shorten");
    if (::lseek(file_, static_cast<off_t>(bytes), SEEK_SET) < 0) fail("position");
    position_ = committed_ = bytes;
}

void OutputStream::commit() {
    if (!partial_.empty() && ::fdatasync(file_) != 0) fail("write to disk");
    committed_ = position_;
}

void OutputStream::finish() {
    if (partial_.empty()) return;
    // A lost key cannot be made again; anything else can, and its checksum tells.
    if (mode_ == OutputMode::secret && ::fsync(file_) != 0) fail("write to disk");
    const int file = file_;
    file_ = -1;
    if (::close(file) != 0 || std::rename(partial_.c_str(), path_.c_str()) != 0) {
        const int reason = errno;
        if (mode_ != OutputMode::resumable) ::unlink(partial_.c_str());
        throw Error(ErrorCode::io, fmt::format("{}: cannot move it into place: {}", path_, std::strerror(reason)));
    }
}

}  // namespace obscura::io
