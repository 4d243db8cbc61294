#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "io/container.hpp"
#include "io/container_layout.hpp"

namespace obscura::io {

struct FileWriter::State {
    std::string path;
    std::string partial;
    int file = -1;
    bool secret = false;
    std::uint64_t announced = 0;
    std::uint64_t accepted = 0;  ///< payload bytes given to bytes() so far
    layout::Checksum checksum;
    std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(layout::buffer_bytes);
    std::size_t used = 0;

    [[noreturn]] void fail(const char* action) const {
        const int reason = errno;
        throw Error(ErrorCode::io, fmt::format("{}: cannot {}: {}", partial, action, std::strerror(reason)));
    }

    /// The length is known, so a full disk is reported now and not after minutes of work; it also makes writing faster.
    void reserve_space() const {
        const std::uint64_t size = layout::header_bytes + announced + layout::checksum_bytes;
        int result = 0;
        do {
            result = ::fallocate(file, 0, 0, static_cast<off_t>(size));
        } while (result != 0 && errno == EINTR);
        if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return;
        const int reason = errno;
        throw Error(ErrorCode::io, fmt::format("{}: cannot reserve {} bytes: {}", path, size, std::strerror(reason)));
    }

    void write_all(const std::uint8_t* data, std::size_t size) {
        while (size > 0) {
            const ssize_t n = ::write(file, data, size);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail("write");
            data += n;
            size -= static_cast<std::size_t>(n);
        }
    }

    void flush() {
        checksum.add(buffer.data(), used);
        write_all(buffer.data(), used);
        used = 0;
    }

    void append(const std::uint8_t* data, std::size_t size) {
        while (size > 0) {
            const std::size_t n = std::min(size, buffer.size() - used);
            std::memcpy(buffer.data() + used, data, n);
            used += n;
            data += n;
            size -= n;
            if (used == buffer.size()) flush();
        }
    }

    ~State() {
        if (secret) sodium_memzero(buffer.data(), buffer.size());
        if (file < 0) return;
        ::close(file);
        ::unlink(partial.c_str());
    }
};

FileWriter::FileWriter(const std::string& path, const FileHeader& header) : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.path = path;
    s.partial = path + ".partial";
    s.secret = header.kind == FileKind::secret_key;
    s.announced = header.payload_bytes;
    // Left by a killed run; removing it first makes sure that the new file gets the permissions asked for here.
    ::unlink(s.partial.c_str());
    s.file = ::open(s.partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, s.secret ? 0600 : 0644);
    if (s.file < 0) s.fail("create");
    s.reserve_space();
    const layout::HeaderBytes bytes = layout::encode(header);
    s.append(bytes.data(), bytes.size());
}

FileWriter::~FileWriter() = default;

void FileWriter::bytes(std::span<const std::uint8_t> data) {
    state_->accepted += data.size();
    state_->append(data.data(), data.size());
}

void FileWriter::u8(std::uint8_t v) {
    bytes({&v, 1});
}

void FileWriter::u32(std::uint32_t v) {
    std::uint8_t raw[4];
    layout::store_u32(raw, v);
    bytes(raw);
}

void FileWriter::u64(std::uint64_t v) {
    std::uint8_t raw[8];
    layout::store_u64(raw, v);
    bytes(raw);
}

void FileWriter::f64(double v) {
    u64(std::bit_cast<std::uint64_t>(v));
}

void FileWriter::text(const std::string& v) {
    u32(static_cast<std::uint32_t>(v.size()));
    bytes({reinterpret_cast<const std::uint8_t*>(v.data()), v.size()});
}

void FileWriter::finish() {
    State& s = *state_;
    if (s.accepted != s.announced) {
        throw Error(ErrorCode::format, fmt::format("{}: the header announces a payload of {} bytes, {} were written",
                                                   s.path, s.announced, s.accepted));
    }
    s.flush();
    const Digest digest = s.checksum.finish();
    s.write_all(digest.data(), digest.size());
    // A lost key cannot be made again; anything else can, and its checksum tells.
    if (s.secret && ::fsync(s.file) != 0) s.fail("write to disk");
    const int file = s.file;
    s.file = -1;
    if (::close(file) != 0 || std::rename(s.partial.c_str(), s.path.c_str()) != 0) {
        const int reason = errno;
        ::unlink(s.partial.c_str());
        throw Error(ErrorCode::io, fmt::format("{}: cannot move it into place: {}", s.path, std::strerror(reason)));
    }
}

}  // namespace obscura::io
