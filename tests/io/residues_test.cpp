#include "io/residues.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "io/scratch.hpp"

namespace obscura::io {
namespace {

using obscura::testing::Bytes;
using obscura::testing::expect_error;
using obscura::testing::read_file;
using obscura::testing::Scratch;

using Residues = std::vector<std::uint32_t>;

constexpr std::uint32_t largest = (1u << 30) - 1;

void write(const std::string& path, const Residues& residues) {
    FileHeader header;
    header.kind = FileKind::request;
    header.payload_bytes = packed_bytes(residues.size());
    FileWriter out(path, header);
    write_residues(out, residues);
    out.finish();
}

Residues read(const std::string& path, std::uint32_t prime, std::size_t count) {
    FileReader in(path, FileKind::request);
    Residues residues(count);
    read_residues(in, prime, residues);
    in.finish();
    return residues;
}

TEST(Residues, SixteenTakeSixtyBytes) {
    EXPECT_EQ(packed_bytes(16), 60u);
    EXPECT_EQ(packed_bytes(32768), 122880u);
}

TEST(Residues, BitsAreWhereTheFormatSays) {
    Scratch scratch;
    Residues residues(16);
    for (std::uint32_t i = 0; i < 15; ++i) residues[i] = i + 1;
    residues[15] = 0b01'10;  // low pairs: 2 in word 0, 1 in word 1
    write(scratch / "r", residues);
    const Bytes bytes = read_file(scratch / "r");
    EXPECT_EQ(Bytes(bytes.begin() + 96, bytes.begin() + 108), (Bytes{1, 0, 0, 0x80, 2, 0, 0, 0x40, 3, 0, 0, 0}));
}

TEST(Residues, RoundTripOfRandomAndBoundaryValues) {
    Scratch scratch;
    const bool passed = rc::check("what is written is read", [&] {
        const auto blocks = *rc::gen::inRange<std::size_t>(0, 600);
        const std::uint32_t prime = *rc::gen::inRange<std::uint32_t>(2, 1u << 30);
        const std::uint64_t seed = *rc::gen::arbitrary<std::uint64_t>();
        Residues residues(16 * blocks);
        std::uint64_t state = seed;
        for (auto& r : residues) {
            state = state * 6364136223846793005ull + 1442695040888963407ull;
            const std::uint32_t value = static_cast<std::uint32_t>(state >> 33);
            r = value % 8 == 0 ? prime - 1 : value % 8 == 1 ? 0 : value % prime;
        }
        write(scratch / "r", residues);
        RC_ASSERT(read(scratch / "r", prime, residues.size()) == residues);
    });
    EXPECT_TRUE(passed);
}

TEST(Residues, OutOfRangeIsRefusedWithItsPosition) {
    Scratch scratch;
    const std::uint32_t prime = 1073479681;
    for (const std::size_t position :
         {std::size_t{0}, std::size_t{15}, std::size_t{4095}, std::size_t{4096}, std::size_t{8191}}) {
        for (const std::uint32_t value : {prime, largest}) {
            Residues residues(8192, prime - 1);
            residues[position] = value;
            write(scratch / "r", residues);
            expect_error(ErrorCode::format,
                         "residue " + std::to_string(position) + " of 8192 is " + std::to_string(value),
                         [&] { read(scratch / "r", prime, residues.size()); });
        }
    }
}

TEST(Residues, TooFewInTheFile) {
    Scratch scratch;
    write(scratch / "r", Residues(32, 1));
    expect_error(ErrorCode::format, "only 120 are left", [&] { read(scratch / "r", largest, 48); });
}

}  // namespace
}  // namespace obscura::io
