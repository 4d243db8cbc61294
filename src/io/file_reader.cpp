#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "io/container.hpp"
#include "io/container_layout.hpp"

namespace obscura::io {

struct FileReader::State {
    std::string path;
    int file = -1;
    FileHeader header;
    std::uint64_t taken = 0;   ///< payload bytes handed out
    std::uint64_t unread = 0;  ///< payload bytes still in the file
    layout::Checksum checksum;
    std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(layout::buffer_bytes);
    std::size_t begin = 0;  ///< buffer[begin, end) is read and hashed but not handed out
    std::size_t end = 0;

    ~State() {
        if (header.kind == FileKind::secret_key) sodium_memzero(buffer.data(), buffer.size());
        if (file >= 0) ::close(file);
    }

    [[noreturn]] void fail_io(const char* action) const {
        const int reason = errno;
        throw Error(ErrorCode::io, fmt::format("{}: cannot {}: {}", path, action, std::strerror(reason)));
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::format, fmt::format("{}: {}", path, what));
    }

    void read_all(std::uint8_t* out, std::size_t size) {
        while (size > 0) {
            const ssize_t n = ::read(file, out, size);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail_io("read");
            if (n == 0) fail("the file became shorter while it was read");
            out += n;
            size -= static_cast<std::size_t>(n);
        }
    }

    void refill() {
        begin = 0;
        end = static_cast<std::size_t>(std::min<std::uint64_t>(unread, buffer.size()));
        read_all(buffer.data(), end);
        checksum.add(buffer.data(), end);
        unread -= end;
    }

    void open(FileKind expected);
    void check_magic(const layout::HeaderBytes& bytes, FileKind expected) const;
    void parse_header(const layout::HeaderBytes& bytes, FileKind expected);
};

void FileReader::State::check_magic(const layout::HeaderBytes& bytes, FileKind expected) const {
    if (!std::equal(layout::magic.begin(), layout::magic.end(), bytes.begin())) {
        fail(fmt::format("not an Obscura file: expected {}, but the first bytes are not OBSCURA", kind_name(expected)));
    }
}

void FileReader::State::parse_header(const layout::HeaderBytes& bytes, FileKind expected) {
    const std::uint32_t version = layout::load_u32(&bytes[8]);
    if (version != layout::version) {
        fail(fmt::format("format version {} is not the version {} that this program reads; make the file again",
                         version, layout::version));
    }
    const std::uint32_t kind = layout::load_u32(&bytes[12]);
    if (kind != static_cast<std::uint32_t>(expected)) {
        if (kind == static_cast<std::uint32_t>(FileKind::secret_key)) {
            throw Error(ErrorCode::security,
                        fmt::format("{}: this is a secret key, where {} is expected; a secret key never leaves its "
                                    "owner's machine and is of no use here",
                                    path, kind_name(expected)));
        }
        fail(fmt::format("this file holds {} (kind {}), but {} is expected", kind_name(static_cast<FileKind>(kind)),
                         kind, kind_name(expected)));
    }
    const std::uint32_t flags = layout::load_u32(&bytes[16]);
    if ((flags & ~layout::insecure_flag) != 0 || layout::load_u32(&bytes[20]) != 0) {
        fail(fmt::format("unknown flags {:#x} or a reserved field that is not zero; the header is damaged", flags));
    }
    header.kind = expected;
    header.insecure = (flags & layout::insecure_flag) != 0;
    std::copy_n(&bytes[24], header.parameters.size(), header.parameters.begin());
    std::copy_n(&bytes[56], header.plan.size(), header.plan.begin());
    header.payload_bytes = layout::load_u64(&bytes[88]);
}

void FileReader::State::open(FileKind expected) {
    file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail_io("open");
    struct stat info {};
    if (::fstat(file, &info) != 0) fail_io("inspect");
    if (!S_ISREG(info.st_mode)) fail(fmt::format("not a regular file; {} is expected", kind_name(expected)));
    const auto size = static_cast<std::uint64_t>(info.st_size);
    constexpr std::uint64_t frame = layout::header_bytes + layout::checksum_bytes;
    layout::HeaderBytes bytes{};
    const std::size_t available = static_cast<std::size_t>(std::min<std::uint64_t>(size, bytes.size()));
    read_all(bytes.data(), available);
    // Before the length, so that a short foreign file is called foreign rather than truncated.
    if (available >= layout::magic.size()) check_magic(bytes, expected);
    if (size < frame) fail(fmt::format("{} bytes are too few for any Obscura file; it is truncated", size));
    parse_header(bytes, expected);
    if (header.payload_bytes != size - frame) {
        fail(fmt::format(
            "the header announces a payload of {} bytes, the file has room for {}; it is truncated or damaged",
            header.payload_bytes, size - frame));
    }
    checksum.add(bytes.data(), bytes.size());
    unread = header.payload_bytes;
}

FileReader::FileReader(const std::string& path, FileKind expected) : state_(std::make_unique<State>()) {
    state_->path = path;
    state_->open(expected);
}

FileReader::~FileReader() = default;

const FileHeader& FileReader::header() const {
    return state_->header;
}

std::uint64_t FileReader::remaining() const {
    return state_->header.payload_bytes - state_->taken;
}

void FileReader::bytes(std::span<std::uint8_t> out) {
    State& s = *state_;
    if (out.size() > remaining()) {
        fail(fmt::format("{} more bytes are expected, but only {} are left", out.size(), remaining()));
    }
    s.taken += out.size();
    std::uint8_t* to = out.data();
    std::size_t size = out.size();
    while (size > 0) {
        if (s.begin == s.end) s.refill();
        const std::size_t n = std::min(size, s.end - s.begin);
        std::memcpy(to, s.buffer.data() + s.begin, n);
        s.begin += n;
        to += n;
        size -= n;
    }
}

std::uint8_t FileReader::u8() {
    std::uint8_t v = 0;
    bytes({&v, 1});
    return v;
}

std::uint32_t FileReader::u32() {
    std::uint8_t raw[4];
    bytes(raw);
    return layout::load_u32(raw);
}

std::uint64_t FileReader::u64() {
    std::uint8_t raw[8];
    bytes(raw);
    return layout::load_u64(raw);
}

double FileReader::f64() {
    return std::bit_cast<double>(u64());
}

std::string FileReader::text(std::size_t max_bytes) {
    const std::uint32_t size = u32();
    if (size > max_bytes) fail(fmt::format("a text of {} bytes is longer than the {} allowed here", size, max_bytes));
    if (size > remaining())
        fail(fmt::format("a text of {} bytes is announced, but only {} are left", size, remaining()));
    std::string v(size, '\0');
    bytes({reinterpret_cast<std::uint8_t*>(v.data()), v.size()});
    return v;
}

void FileReader::finish() {
    State& s = *state_;
    if (remaining() != 0) fail(fmt::format("{} bytes are left over after the last field", remaining()));
    Digest stored{};
    s.read_all(stored.data(), stored.size());
    if (stored != s.checksum.finish()) s.fail("the checksum does not match its contents; the file was damaged");
}

void FileReader::fail(const std::string& what) const {
    state_->fail(fmt::format("{} (at byte {})", what, layout::header_bytes + state_->taken));
}

}  // namespace obscura::io
