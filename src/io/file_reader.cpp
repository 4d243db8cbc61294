#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "io/container.hpp"
#include "io/container_layout.hpp"
#include "io/input_stream.hpp"

namespace obscura::io {

struct FileReader::State {
    std::unique_ptr<InputStream> own;  ///< of a file that is one container
    InputStream* stream = nullptr;
    std::string label;        ///< what errors call this container
    std::uint64_t start = 0;  ///< offset of the header in the stream
    FileHeader header;
    std::uint64_t taken = 0;   ///< payload bytes handed out
    std::uint64_t unread = 0;  ///< payload bytes still in the stream
    layout::Checksum checksum;
    std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(layout::buffer_bytes);
    std::size_t begin = 0;  ///< buffer[begin, end) is read and hashed but not handed out
    std::size_t end = 0;

    ~State() {
        if (header.kind == FileKind::secret_key) sodium_memzero(buffer.data(), buffer.size());
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::format, fmt::format("{}: {}", label, what));
    }

    void read_all(std::span<std::uint8_t> out) {
        const std::size_t n = stream->read(out);
        if (n == out.size()) return;
        fail(fmt::format("truncated: it ends after {} of {} bytes", stream->position() - start,
                         header.payload_bytes + container_frame_bytes));
    }

    void refill() {
        begin = 0;
        end = static_cast<std::size_t>(std::min<std::uint64_t>(unread, buffer.size()));
        read_all(std::span(buffer).first(end));
        checksum.add(buffer.data(), end);
        unread -= end;
    }

    void open(FileKind expected);
    void check_magic(const layout::HeaderBytes& bytes, FileKind expected) const;
    void parse_header(const layout::HeaderBytes& bytes, FileKind expected);
    void check_length() const;
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
                                    label, kind_name(expected)));
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
    start = stream->position();
    layout::HeaderBytes bytes{};
    const std::size_t available = stream->read(bytes);
    // Before the length, so that a short foreign file is called foreign rather than truncated.
    if (available >= layout::magic.size()) check_magic(bytes, expected);
    if (available < bytes.size()) {
        fail(fmt::format("{} bytes are too few for any Obscura file; it is truncated", available));
    }
    parse_header(bytes, expected);
    check_length();
    checksum.add(bytes.data(), bytes.size());
    unread = header.payload_bytes;
}

/// A pipe's length is not known: there a payload that ends early is noticed when it does.
void FileReader::State::check_length() const {
    const auto there = stream->remaining();
    if (!there) return;
    const std::uint64_t room = *there - std::min<std::uint64_t>(*there, layout::checksum_bytes);
    const bool fits = own ? header.payload_bytes == room : header.payload_bytes <= room;
    if (fits && *there >= layout::checksum_bytes) return;
    fail(fmt::format("the header announces a payload of {} bytes, the file has room for {}; it is truncated or damaged",
                     header.payload_bytes, room));
}

FileReader::FileReader(const std::string& path, FileKind expected) : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.own = std::make_unique<InputStream>(path);
    s.stream = s.own.get();
    s.label = path;
    if (!s.own->remaining()) s.fail(fmt::format("not a regular file; {} is expected", kind_name(expected)));
    s.open(expected);
}

FileReader::FileReader(InputStream& stream, FileKind expected, const std::string& part)
    : state_(std::make_unique<State>()) {
    state_->stream = &stream;
    state_->label = fmt::format("{}, {}", stream.name(), part);
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

void FileReader::skip() {
    State& s = *state_;
    while (remaining() > 0) {
        if (s.begin == s.end) s.refill();
        s.taken += s.end - s.begin;
        s.begin = s.end;
    }
}

Digest FileReader::finish() {
    State& s = *state_;
    if (remaining() != 0) fail(fmt::format("{} bytes are left over after the last field", remaining()));
    Digest stored{};
    s.read_all(stored);
    if (stored != s.checksum.finish()) s.fail("the checksum does not match its contents; the file was damaged");
    return stored;
}

void FileReader::fail(const std::string& what) const {
    state_->fail(fmt::format("{} (at byte {})", what, state_->start + layout::header_bytes + state_->taken));
}

}  // namespace obscura::io
