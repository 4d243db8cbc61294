#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

/// One container for every file Obscura writes: a fixed header, a payload of stated length, a checksum.
///
/// offset size  field (little endian)
///      0    8  magic "OBSCURA" and a zero byte
///      8    4  format version (container_layout.hpp)
///     12    4  kind (FileKind)
///     16    4  flags; bit 0: made with insecure test parameters
///     20    4  reserved, zero
///     24   32  SHA-256 digest of the parameter set (ckks::Parameters::digest)
///     56   32  SHA-256 digest of the plan (plan::Plan::digest), zero in the plan file itself
///     88    8  payload length in bytes
///     96    -  payload
///      -   32  BLAKE2b-256 of header and payload
namespace obscura::io {

enum class FileKind : std::uint32_t { plan = 1, secret_key = 2, evaluation_keys = 3, request = 4, response = 5 };
/// "plan", "secret key", "evaluation keys", "request", "response".
const char* kind_name(FileKind kind);

using Digest = std::array<std::uint8_t, 32>;
std::string to_hex(const Digest& digest);

struct FileHeader {
    FileKind kind = FileKind::plan;
    bool insecure = false;
    Digest parameters{};
    Digest plan{};
    std::uint64_t payload_bytes = 0;
};

class InputStream;
class OutputStream;

/// Bytes that a container takes besides its payload.
inline constexpr std::uint64_t container_frame_bytes = 128;

/// Writes one container: a file of its own, or the next part of a stream. Throws Error(io) with the system's reason.
class FileWriter {
  public:
    /// The bytes go to `path`.partial, which finish() renames to `path`; a writer destroyed before that removes its
    /// file, so an interrupted command leaves nothing half-written. A secret key's file gets permission 0600.
    FileWriter(const std::string& path, const FileHeader& header);
    /// The bytes go to a stream, which must outlive the writer and is not finished by it.
    FileWriter(OutputStream& stream, const FileHeader& header);
    ~FileWriter();
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;

    void bytes(std::span<const std::uint8_t> data);
    void u8(std::uint8_t v);
    void u32(std::uint32_t v);
    void u64(std::uint64_t v);
    void f64(double v);
    void text(const std::string& v);  ///< u32 length, then the bytes
    /// Writes the checksum and moves a file of its own into place. Throws Error(format) if the payload is not as long
    /// as announced.
    void finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Reads one container front to back: a whole file, or the next part of a stream. Every read is bounded by the payload
/// length, which at opening is checked against the file's size, if it has one (a pipe has none); nothing is allocated
/// on the word of the file alone.
class FileReader {
  public:
    /// Throws Error(io) if the file cannot be read; Error(format) if the magic, version or sizes are wrong;
    /// Error(security) if a secret key is found where another kind is expected; Error(format) for any other wrong kind.
    FileReader(const std::string& path, FileKind expected);
    /// The same for the next container of a stream, which must outlive the reader; others may follow. `part` names it
    /// in errors: "group 3".
    FileReader(InputStream& stream, FileKind expected, const std::string& part);
    ~FileReader();
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;

    const FileHeader& header() const;
    std::uint64_t remaining() const;  ///< payload bytes not yet read
    void bytes(std::span<std::uint8_t> out);
    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    double f64();
    std::string text(std::size_t max_bytes);
    void skip();  ///< reads the rest of the payload for its checksum alone
    /// The checksum, which is right. Throws Error(format) if payload is left over or the checksum differs.
    Digest finish();
    /// Error(format) with the path and the offset reached, for callers that find a wrong value.
    [[noreturn]] void fail(const std::string& what) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace obscura::io
