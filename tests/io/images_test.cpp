#include "io/images.hpp"

#include "io/picture.hpp"
#include "io/scratch.hpp"

namespace obscura::io {
namespace {

using obscura::testing::Bytes;
using obscura::testing::expect_error;
using obscura::testing::read_file;
using obscura::testing::Scratch;
using obscura::testing::write_file;

/// A picture whose every pixel names its place.
Picture pattern(int width, int height, int channels = 3) {
    Picture picture{width, height, channels, {}};
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < channels; ++c) picture.pixels.push_back(static_cast<std::uint8_t>(7 * y + x + 100 * c));
        }
    }
    return picture;
}

std::string data(const std::string& name) {
    return std::string(OBSCURA_SOURCE_DIR "/data/") + name;
}

TEST(Pictures, PngRoundTrip) {
    Scratch scratch;
    for (const int channels : {1, 3}) {
        const Picture picture = pattern(13, 7, channels);
        write_png(scratch / "p.png", picture);
        const Picture back = load_picture(scratch / "p.png");
        EXPECT_EQ(back.width, 13);
        EXPECT_EQ(back.height, 7);
        EXPECT_EQ(back.channels, channels);
        EXPECT_EQ(back.pixels, picture.pixels);
    }
    EXPECT_FALSE(std::filesystem::exists(scratch / "p.png.partial"));
}

TEST(Pictures, PngTruncatedAtEveryByte) {
    Scratch scratch;
    write_png(scratch / "p.png", pattern(8, 8));
    const Bytes whole = read_file(scratch / "p.png");
    // The last 12 bytes are the end mark, which a decoder may forgive.
    for (std::size_t size = 0; size + 12 < whole.size(); ++size) {
        SCOPED_TRACE(size);
        write_file(scratch / "cut.png", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        expect_error(ErrorCode::format, "cut.png", [&] { load_picture(scratch / "cut.png"); });
    }
}

TEST(Pictures, FlippedPngBytesNeverCrash) {
    Scratch scratch;
    write_png(scratch / "p.png", pattern(8, 8));
    const Bytes whole = read_file(scratch / "p.png");
    for (std::size_t i = 0; i < whole.size(); ++i) {
        Bytes bytes = whole;
        bytes[i] ^= 0xff;
        write_file(scratch / "bad.png", bytes);
        try {
            load_picture(scratch / "bad.png");
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::format);
        }
    }
}

TEST(Pictures, HugePngClaimIsRefusedBeforeAllocation) {
    Scratch scratch;
    write_png(scratch / "p.png", pattern(8, 8));
    Bytes bytes = read_file(scratch / "p.png");
    for (const std::size_t at : {std::size_t{17}, std::size_t{21}}) bytes[at] = 0x0f;  // width, height: 2^20 times 15
    // The chunk's CRC must be right for the size to be believed at all.
    std::uint32_t crc = 0xffffffff;
    for (std::size_t i = 12; i < 29; ++i) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
    }
    for (int i = 0; i < 4; ++i)
        bytes[29 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(~crc >> (24 - 8 * i));
    write_file(scratch / "huge.png", bytes);
    expect_error(ErrorCode::format, "huge.png", [&] { load_picture(scratch / "huge.png"); });
}

TEST(Pictures, ForeignFiles) {
    Scratch scratch;
    write_file(scratch / "a.png", std::string("this is text"));
    write_file(scratch / "a.webp", std::string("RIFF....WEBPVP8 this is not"));
    write_file(scratch / "a.gif", std::string("GIF89a"));
    expect_error(ErrorCode::format, "not a readable PNG", [&] { load_picture(scratch / "a.png"); });
    expect_error(ErrorCode::format, "WebP", [&] { load_picture(scratch / "a.webp"); });
    expect_error(ErrorCode::format, ".png or .webp", [&] { load_picture(scratch / "a.gif"); });
    expect_error(ErrorCode::io, "No such file", [&] { load_picture(scratch / "b.png"); });
}

TEST(Images, BundledMosaics) {
    const Images test = load_images(data("cifar10-test-1024.webp"), 32);
    EXPECT_EQ(test.count, 1024);
    EXPECT_EQ(test.height, 32);
    EXPECT_EQ(test.width, 32);
    EXPECT_EQ(test.channels, 3);
    ASSERT_EQ(test.labels.size(), 1024u);
    for (const std::uint8_t label : test.labels) EXPECT_LT(label, 10);

    // Tile 33 is in row 1, column 1.
    const Picture whole = load_picture(data("cifar10-test-1024.webp"));
    const std::size_t tile = 33u * 32 * 32 * 3;
    EXPECT_EQ(test.pixels[tile], whole.pixels[(32u * 1024 + 32) * 3]);
    EXPECT_EQ(test.pixels[tile + 32 * 32 * 3 - 1], whole.pixels[(63u * 1024 + 63) * 3 + 2]);
    EXPECT_EQ(load_images(data("cifar10-calibration.webp"), 32).count, 256);
}

TEST(Images, TruncatedWebp) {
    Scratch scratch;
    const Bytes whole = read_file(data("cifar10-calibration.webp"));
    for (std::size_t size = 0; size < whole.size(); size += 1 + size / 2) {
        write_file(scratch / "cut.webp", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        expect_error(ErrorCode::format, "cut.webp", [&] { load_images(scratch / "cut.webp", 32); });
    }
}

TEST(Images, OnePictureOrMosaic) {
    Scratch scratch;
    write_png(scratch / "p.png", pattern(8, 4));
    EXPECT_EQ(load_images(scratch / "p.png", 0).count, 1);
    EXPECT_EQ(load_images(scratch / "p.png", 8).count, 1);  // not a multiple: one image, whose size others check
    const Images tiles = load_images(scratch / "p.png", 4);
    EXPECT_EQ(tiles.count, 2);
    EXPECT_EQ(tiles.pixels[0], 0);
    EXPECT_EQ(tiles.pixels[4 * 4 * 3], 4);
}

TEST(Images, Folder) {
    Scratch scratch;
    std::filesystem::create_directory(scratch / "f");
    expect_error(ErrorCode::format, "no .png or .webp", [&] { load_images(scratch / "f", 0); });
    write_png(scratch / "f/b.png", pattern(4, 4));
    Picture black{4, 4, 3, std::vector<std::uint8_t>(48)};
    write_png(scratch / "f/a.PNG", black);
    write_file(scratch / "f/notes.txt", std::string("ignored"));
    const Images images = load_images(scratch / "f", 4);
    EXPECT_EQ(images.count, 2);
    EXPECT_EQ(images.pixels[47], 0);
    EXPECT_EQ(images.pixels[48 + 1], 100);
    write_png(scratch / "f/c.png", pattern(5, 4));
    expect_error(ErrorCode::format, "c.png", [&] { load_images(scratch / "f", 4); });
}

TEST(Images, CifarBinaries) {
    Scratch scratch;
    Bytes ten(2 * 3073);
    ten[0] = 3;
    ten[1] = 11;             // red of pixel 0
    ten[1 + 1024] = 12;      // green
    ten[1 + 2048 + 1] = 13;  // blue of pixel 1
    ten[3073] = 9;
    write_file(scratch / "ten.bin", ten);
    const Images images = load_images(scratch / "ten.bin", 32);
    EXPECT_EQ(images.count, 2);
    EXPECT_EQ(images.labels, (Bytes{3, 9}));
    EXPECT_EQ(Bytes(images.pixels.begin(), images.pixels.begin() + 6), (Bytes{11, 12, 0, 0, 0, 13}));
    EXPECT_EQ(load_labels(scratch / "ten.bin"), images.labels);

    Bytes hundred(3074);
    hundred[0] = 1;
    hundred[1] = 99;
    write_file(scratch / "hundred.bin", hundred);
    EXPECT_EQ(load_images(scratch / "hundred.bin", 32).labels, Bytes{99});

    hundred.pop_back();
    hundred.pop_back();
    write_file(scratch / "bad.bin", hundred);
    expect_error(ErrorCode::format, "3072 bytes are not", [&] { load_images(scratch / "bad.bin", 32); });
    write_file(scratch / "empty.bin", Bytes{});
    expect_error(ErrorCode::format, "0 bytes", [&] { load_images(scratch / "empty.bin", 32); });
}

TEST(Images, Slices) {
    Images images{4, 1, 1, 1, {10, 11, 12, 13}, {0, 1, 2, 3}};
    EXPECT_EQ(slice(images, 1, 2).pixels, (Bytes{11, 12}));
    EXPECT_EQ(slice(images, 1, 2).labels, (Bytes{1, 2}));
    EXPECT_EQ(slice(images, 2, 0).count, 2);
    for (const auto& [first, count] : {std::pair{4, 0}, {-1, 2}, {3, 2}, {0, 5}, {0, -1}, {2147483647, 2147483647}}) {
        expect_error(ErrorCode::usage, "only 4", [&, f = first, c = count] { slice(images, f, c); });
    }
}

TEST(Images, RepeatBeginsAgain) {
    const Images images{3, 1, 1, 2, {10, 11, 20, 21, 30, 31}, {1, 2, 3}};
    const Images five = repeat(images, 1, 5);
    EXPECT_EQ(five.count, 5);
    EXPECT_EQ(five.pixels, (Bytes{20, 21, 30, 31, 10, 11, 20, 21, 30, 31}));
    EXPECT_EQ(five.labels, (Bytes{2, 3, 1, 2, 3}));
    EXPECT_EQ(repeat(images, 0, 2).pixels, slice(images, 0, 2).pixels);
    EXPECT_EQ(repeat(images, 2, 1).pixels, slice(images, 2, 1).pixels);
    expect_error(ErrorCode::usage, "only 3", [&] { repeat(images, 3, 1); });
}

TEST(Images, LabelsBesideMustMatch) {
    Scratch scratch;
    write_png(scratch / "p.png", pattern(8, 4));
    write_file(scratch / "p.labels", Bytes{1, 2});
    EXPECT_EQ(load_images(scratch / "p.png", 4).labels, (Bytes{1, 2}));
    expect_error(ErrorCode::format, "2 labels for the 1 images", [&] { load_images(scratch / "p.png", 0); });
}

TEST(Images, UnknownKinds) {
    Scratch scratch;
    write_file(scratch / "a.jpg", std::string("x"));
    expect_error(ErrorCode::format, "folder of .png", [&] { load_images(scratch / "a.jpg", 0); });
    expect_error(ErrorCode::io, "no such file", [&] { load_images(scratch / "missing", 0); });
    expect_error(ErrorCode::io, "missing.npy", [&] { load_images(scratch / "missing.npy", 0); });
}

}  // namespace
}  // namespace obscura::io
