#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "io/container.hpp"
#include "io/container_layout.hpp"
#include "io/output_stream.hpp"

namespace obscura::io {

struct FileWriter::State {
    std::unique_ptr<OutputStream> own;  ///< of a file that is one container
    OutputStream* stream = nullptr;
    bool secret = false;
    std::uint64_t announced = 0;
    std::uint64_t accepted = 0;  ///< payload bytes given to bytes() so far
    layout::Checksum checksum;
    std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(layout::buffer_bytes);
    std::size_t used = 0;

    void begin(const FileHeader& header) {
        secret = header.kind == FileKind::secret_key;
        announced = header.payload_bytes;
        const layout::HeaderBytes bytes = layout::encode(header);
        append(bytes.data(), bytes.size());
    }

    void flush() {
        checksum.add(buffer.data(), used);
        stream->write(std::span(buffer).first(used));
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
    }
};

FileWriter::FileWriter(const std::string& path, const FileHeader& header) : state_(std::make_unique<State>()) {
    State& s = *state_;
    const bool secret = header.kind == FileKind::secret_key;
    s.own = std::make_unique<OutputStream>(path, secret ? OutputMode::secret : OutputMode::discard);
    s.stream = s.own.get();
    // The length is known; having the room at once also makes writing faster.
    s.own->reserve(container_frame_bytes + header.payload_bytes);
    s.begin(header);
}

FileWriter::FileWriter(OutputStream& stream, const FileHeader& header) : state_(std::make_unique<State>()) {
    state_->stream = &stream;
    state_->begin(header);
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
                                                   s.stream->name(), s.announced, s.accepted));
    }
    s.flush();
    s.stream->write(s.checksum.finish());
    if (s.own) s.own->finish();
}

}  // namespace obscura::io
