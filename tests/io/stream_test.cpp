#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "io/container.hpp"
#include "io/input_stream.hpp"
#include "io/output_stream.hpp"
#include "io/scratch.hpp"

namespace obscura::io {
namespace {

using obscura::testing::Bytes;
using obscura::testing::expect_error;
using obscura::testing::read_file;
using obscura::testing::Scratch;
using obscura::testing::write_file;
namespace fs = std::filesystem;

FileHeader header_of(std::uint64_t payload) {
    FileHeader header;
    header.kind = FileKind::request;
    header.payload_bytes = payload;
    return header;
}

/// Three containers, the i-th with i + 1 numbers of 64 bits.
void write_three(OutputStream& out) {
    for (std::uint64_t i = 0; i < 3; ++i) {
        FileWriter container(out, header_of(8 * (i + 1)));
        for (std::uint64_t k = 0; k <= i; ++k) container.u64(10 * i + k);
        container.finish();
    }
}

void expect_three(InputStream& in) {
    for (std::uint64_t i = 0; i < 3; ++i) {
        EXPECT_FALSE(in.at_end());
        FileReader container(in, FileKind::request, "part " + std::to_string(i));
        EXPECT_EQ(container.remaining(), 8 * (i + 1));
        for (std::uint64_t k = 0; k <= i; ++k) EXPECT_EQ(container.u64(), 10 * i + k);
        container.finish();
    }
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(in.position(), 3 * container_frame_bytes + 48);
}

/// A named pipe, with a thread that writes bytes into it.
class Pipe {
  public:
    Pipe(const std::string& path, Bytes bytes) : path_(path) {
        if (::mkfifo(path.c_str(), 0600) != 0) ADD_FAILURE() << "no pipe";
        writer_ = std::thread([this, bytes = std::move(bytes)] { write_file(path_, bytes); });
    }
    ~Pipe() { writer_.join(); }

  private:
    std::string path_;
    std::thread writer_;
};

TEST(Streams, ContainersFollowEachOtherInAFile) {
    const Scratch scratch;
    OutputStream out(scratch / "three", OutputMode::discard);
    write_three(out);
    EXPECT_FALSE(fs::exists(scratch / "three"));
    out.finish();
    EXPECT_FALSE(fs::exists(scratch / "three.partial"));
    InputStream in(scratch / "three");
    EXPECT_EQ(in.remaining(), read_file(scratch / "three").size());
    expect_three(in);
    EXPECT_EQ(in.remaining(), 0u);
    // each is an ordinary container, but the file is not one
    expect_error(ErrorCode::format, "the file has room for", [&] { FileReader(scratch / "three", FileKind::request); });
}

TEST(Streams, ContainersFollowEachOtherInAPipe) {
    const Scratch scratch;
    {
        OutputStream out(scratch / "three", OutputMode::discard);
        write_three(out);
        out.finish();
    }
    const Pipe pipe(scratch / "pipe", read_file(scratch / "three"));
    InputStream in(scratch / "pipe");
    EXPECT_FALSE(in.remaining());
    expect_three(in);
}

TEST(Streams, TruncatedAtEveryByteInAPipe) {
    const Scratch scratch;
    {
        FileWriter out(scratch / "one", header_of(16));
        for (std::uint64_t i = 0; i < 2; ++i) out.u64(i);
        out.finish();
    }
    const Bytes whole = read_file(scratch / "one");
    for (std::size_t size = 1; size < whole.size(); ++size) {
        SCOPED_TRACE(size);
        const std::string path = scratch / ("pipe" + std::to_string(size));
        const Pipe pipe(path, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        InputStream in(path);
        expect_error(ErrorCode::format, ", group 7: ", [&] {
            FileReader container(in, FileKind::request, "group 7");
            container.skip();
            container.finish();
        });
    }
}

TEST(Streams, SkippingStillChecksTheSum) {
    const Scratch scratch;
    OutputStream out(scratch / "three", OutputMode::discard);
    write_three(out);
    out.finish();
    Bytes bytes = read_file(scratch / "three");
    const auto digest = [&] {
        InputStream in(scratch / "three");
        FileReader container(in, FileKind::request, "part");
        container.u32();
        container.skip();
        return container.finish();
    };
    const Digest sum = digest();
    EXPECT_TRUE(std::equal(sum.begin(), sum.end(), bytes.begin() + 96 + 8));
    bytes[96 + 6] ^= 1;
    write_file(scratch / "three", bytes);
    expect_error(ErrorCode::format, "checksum", digest);
}

TEST(Streams, WaitingForAPipeEndsWhenAskedTo) {
    const Scratch scratch;
    ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
    std::thread silent([&] { ::close(::open((scratch / "pipe").c_str(), O_WRONLY)); });
    std::optional<InputStream> in;
    in.emplace(scratch / "pipe", [] { return true; });
    silent.join();
    EXPECT_TRUE(in->at_end());  // its writer is gone: an end, and not a wait
    const int writer = ::open((scratch / "pipe").c_str(), O_WRONLY);
    expect_error(ErrorCode::cancelled, "waiting for", [&] { in->at_end(); });
    ::close(writer);
}

TEST(Streams, ResumableFilesKeepWhatWasCommitted) {
    const Scratch scratch;
    const std::string path = scratch / "file";
    const Bytes first{1, 2, 3}, second{4, 5};
    { const OutputStream out(path, OutputMode::resumable); }
    EXPECT_FALSE(fs::exists(path + ".partial")) << "nothing was committed";
    {
        OutputStream out(path, OutputMode::resumable);
        out.write(first);
        out.commit();
        out.write(second);
    }
    EXPECT_EQ(read_file(path + ".partial"), (Bytes{1, 2, 3, 4, 5}));
    {
        OutputStream out(path, OutputMode::resumable);
        out.keep(3);
        EXPECT_EQ(out.position(), 3u);
        expect_error(ErrorCode::io, "another process is writing it",
                     [&] { OutputStream(path, OutputMode::resumable); });
    }
    EXPECT_EQ(read_file(path + ".partial"), first);
    { const OutputStream undecided(path, OutputMode::resumable); }
    EXPECT_EQ(read_file(path + ".partial"), first);
    OutputStream out(path, OutputMode::resumable);
    out.keep(3);
    out.write(second);
    out.finish();
    EXPECT_EQ(read_file(path), (Bytes{1, 2, 3, 4, 5}));
    EXPECT_FALSE(fs::exists(path + ".partial"));
}

TEST(Streams, MissingFilesAndFolders) {
    const Scratch scratch;
    expect_error(ErrorCode::io, "No such file", [&] { InputStream(scratch / "missing"); });
    expect_error(ErrorCode::format, "folder", [&] { InputStream(scratch / ""); });
}

}  // namespace
}  // namespace obscura::io
