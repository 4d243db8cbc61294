#include "io/container.hpp"

#include <sys/stat.h>

#include <cmath>

#include "io/scratch.hpp"

namespace obscura::io {
namespace {

using obscura::testing::Bytes;
using obscura::testing::expect_error;
using obscura::testing::read_file;
using obscura::testing::Scratch;
using obscura::testing::write_file;

constexpr std::size_t header_bytes = 96;
constexpr std::size_t toy_payload = 1 + 4 + 8 + 8 + 4 + 5;

FileHeader toy_header(FileKind kind) {
    FileHeader header;
    header.kind = kind;
    header.insecure = true;
    header.payload_bytes = toy_payload;
    for (std::size_t i = 0; i < 32; ++i) {
        header.parameters[i] = static_cast<std::uint8_t>(i);
        header.plan[i] = static_cast<std::uint8_t>(100 + i);
    }
    return header;
}

void write_toy(const std::string& path, FileKind kind = FileKind::request) {
    FileWriter out(path, toy_header(kind));
    out.u8(7);
    out.u32(0xdeadbeef);
    out.u64(1ull << 60);
    out.f64(-0.1);
    out.text("hello");
    out.finish();
}

/// Reads every field as a user of the container would, and the digests, which the checksum alone protects.
void read_toy(const std::string& path) {
    FileReader in(path, FileKind::request);
    in.u8();
    in.u32();
    in.u64();
    in.f64();
    in.text(16);
    in.finish();
}

TEST(Container, RoundTrip) {
    Scratch scratch;
    const std::string path = scratch / "toy";
    write_toy(path);
    EXPECT_EQ(read_file(path).size(), header_bytes + toy_payload + 32);
    EXPECT_FALSE(std::filesystem::exists(path + ".partial"));

    FileReader in(path, FileKind::request);
    EXPECT_TRUE(in.header().insecure);
    EXPECT_EQ(in.header().parameters, toy_header(FileKind::request).parameters);
    EXPECT_EQ(in.header().plan, toy_header(FileKind::request).plan);
    EXPECT_EQ(in.remaining(), toy_payload);
    EXPECT_EQ(in.u8(), 7);
    EXPECT_EQ(in.u32(), 0xdeadbeefu);
    EXPECT_EQ(in.u64(), 1ull << 60);
    EXPECT_EQ(in.f64(), -0.1);
    EXPECT_EQ(in.text(5), "hello");
    EXPECT_EQ(in.remaining(), 0u);
    in.finish();
}

TEST(Container, BytesAreAsDocumented) {
    Scratch scratch;
    write_toy(scratch / "toy");
    const Bytes bytes = read_file(scratch / "toy");
    EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 24),
              (Bytes{'O', 'B', 'S', 'C', 'U', 'R', 'A', 0,  //
                     7,   0,   0,   0,   4,   0,   0,   0, 1, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(bytes[24], 0);
    EXPECT_EQ(bytes[56], 100);
    EXPECT_EQ(bytes[88], toy_payload);
    EXPECT_EQ(Bytes(bytes.begin() + 97, bytes.begin() + 101), (Bytes{0xef, 0xbe, 0xad, 0xde}));
}

TEST(Container, PayloadLargerThanTheBuffer) {
    Scratch scratch;
    const std::string path = scratch / "large";
    Bytes payload(3'000'001);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i * 31 >> 3);
    FileHeader header = toy_header(FileKind::response);
    header.payload_bytes = payload.size();
    FileWriter out(path, header);
    out.bytes(std::span(payload).first(1'000'003));
    out.bytes(std::span(payload).subspan(1'000'003));
    out.finish();
    Bytes back(payload.size());
    FileReader in(path, FileKind::response);
    in.bytes(std::span(back).first(17));
    in.bytes(std::span(back).subspan(17));
    in.finish();
    EXPECT_EQ(back, payload);
}

TEST(Container, TruncatedAtEveryByte) {
    Scratch scratch;
    write_toy(scratch / "toy");
    const Bytes whole = read_file(scratch / "toy");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        SCOPED_TRACE(size);
        write_file(scratch / "cut", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        expect_error(ErrorCode::format, "cut", [&] { read_toy(scratch / "cut"); });
    }
}

TEST(Container, ExtendedByOneByte) {
    Scratch scratch;
    write_toy(scratch / "toy");
    Bytes bytes = read_file(scratch / "toy");
    bytes.push_back(0);
    write_file(scratch / "long", bytes);
    expect_error(ErrorCode::format, "announces", [&] { read_toy(scratch / "long"); });
}

TEST(Container, EveryFlippedBitIsNoticed) {
    Scratch scratch;
    write_toy(scratch / "toy");
    const Bytes whole = read_file(scratch / "toy");
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
        SCOPED_TRACE(bit);
        Bytes bytes = whole;
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        write_file(scratch / "flipped", bytes);
        EXPECT_THROW(read_toy(scratch / "flipped"), Error);
    }
}

TEST(Container, EveryByteOfTheHeaderAtItsExtremes) {
    Scratch scratch;
    write_toy(scratch / "toy");
    const Bytes whole = read_file(scratch / "toy");
    for (std::size_t i = 0; i < header_bytes; ++i) {
        for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0xff}}) {
            if (whole[i] == value) continue;
            SCOPED_TRACE(i);
            Bytes bytes = whole;
            bytes[i] = value;
            write_file(scratch / "changed", bytes);
            EXPECT_THROW(read_toy(scratch / "changed"), Error);
        }
    }
}

TEST(Container, HugePayloadClaimIsRefusedAtOpening) {
    Scratch scratch;
    write_toy(scratch / "toy");
    Bytes bytes = read_file(scratch / "toy");
    for (int i = 0; i < 8; ++i) bytes[88 + static_cast<std::size_t>(i)] = 0xff;
    write_file(scratch / "huge", bytes);
    expect_error(ErrorCode::format, "18446744073709551615", [&] { FileReader(scratch / "huge", FileKind::request); });
}

TEST(Container, HugeTextClaimIsRefusedBeforeAllocation) {
    Scratch scratch;
    FileHeader header = toy_header(FileKind::plan);
    header.payload_bytes = 4;
    FileWriter out(scratch / "text", header);
    out.u32(0xffffffff);
    out.finish();
    FileReader bounded(scratch / "text", FileKind::plan);
    expect_error(ErrorCode::format, "longer than the 100", [&] { bounded.text(100); });
    FileReader unbounded(scratch / "text", FileKind::plan);
    expect_error(ErrorCode::format, "only 0 are left", [&] { unbounded.text(SIZE_MAX); });
}

TEST(Container, WrongKinds) {
    Scratch scratch;
    write_toy(scratch / "secret", FileKind::secret_key);
    for (const FileKind kind : {FileKind::plan, FileKind::evaluation_keys, FileKind::request, FileKind::response}) {
        expect_error(ErrorCode::security, "secret key", [&] { FileReader(scratch / "secret", kind); });
    }
    write_toy(scratch / "request", FileKind::request);
    expect_error(ErrorCode::format, "holds request", [&] { FileReader(scratch / "request", FileKind::secret_key); });
    expect_error(ErrorCode::format, "plan is expected", [&] { FileReader(scratch / "request", FileKind::plan); });
}

TEST(Container, ForeignFiles) {
    Scratch scratch;
    write_file(scratch / "text", std::string("hello, this is not a container at all"));
    expect_error(ErrorCode::format, "not an Obscura file", [&] { FileReader(scratch / "text", FileKind::plan); });
    expect_error(ErrorCode::io, "No such file", [&] { FileReader(scratch / "missing", FileKind::plan); });
    expect_error(ErrorCode::format, "not a regular file", [&] { FileReader(scratch / "", FileKind::plan); });
}

TEST(Container, ReadingPastTheEndAndStoppingShort) {
    Scratch scratch;
    write_toy(scratch / "toy");
    FileReader in(scratch / "toy", FileKind::request);
    Bytes much(toy_payload + 1);
    expect_error(ErrorCode::format, "only 30 are left", [&] { in.bytes(much); });
    in.u64();
    expect_error(ErrorCode::format, "22 bytes are left over", [&] { in.finish(); });
    expect_error(ErrorCode::format, "at byte 104", [&] { in.fail("wrong"); });
}

TEST(Container, AnAbandonedWriterLeavesNothing) {
    Scratch scratch;
    const std::string path = scratch / "abandoned";
    { FileWriter out(path, toy_header(FileKind::request)); }
    {
        FileWriter out(path, toy_header(FileKind::request));
        out.u32(1);
        expect_error(ErrorCode::format, "4 were written", [&] { out.finish(); });
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(Container, AnAbandonedWriterKeepsTheOldFile) {
    Scratch scratch;
    const std::string path = scratch / "kept";
    write_toy(path);
    { FileWriter out(path, toy_header(FileKind::request)); }
    EXPECT_NO_THROW(read_toy(path));
}

TEST(Container, SecretKeysArePrivateEvenOverAStaleFile) {
    Scratch scratch;
    const std::string path = scratch / "key";
    write_file(path + ".partial", std::string("stale, readable by all"));
    write_toy(path, FileKind::secret_key);
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(Container, UnwritablePlaces) {
    expect_error(ErrorCode::io, "No such file", [] { FileWriter("/nonexistent/folder/file", {}); });
    Scratch scratch;
    FileHeader header;
    header.payload_bytes = 1ull << 62;
    expect_error(ErrorCode::io, "cannot reserve", [&] { FileWriter(scratch / "huge", header); });
    EXPECT_FALSE(std::filesystem::exists(scratch / "huge.partial"));
}

TEST(Container, Names) {
    EXPECT_STREQ(kind_name(FileKind::evaluation_keys), "evaluation keys");
    EXPECT_STREQ(kind_name(static_cast<FileKind>(77)), "unknown kind");
    Digest digest{};
    digest[0] = 0xab;
    digest[31] = 0x05;
    EXPECT_EQ(to_hex(digest), "ab" + std::string(60, '0') + "05");
}

}  // namespace
}  // namespace obscura::io
