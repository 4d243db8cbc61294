#include "io/npy.hpp"

#include "io/images.hpp"
#include "io/scratch.hpp"

namespace obscura::io {
namespace {

using obscura::testing::Bytes;
using obscura::testing::expect_error;
using obscura::testing::Scratch;
using obscura::testing::write_file;

/// A .npy file as numpy writes it, with any header text.
Bytes npy(const std::string& dictionary, std::size_t data_bytes, int version = 1) {
    const std::string magic = "\x93NUMPY";
    Bytes bytes(magic.begin(), magic.end());
    bytes.push_back(static_cast<std::uint8_t>(version));
    bytes.push_back(0);
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
        bytes.push_back(static_cast<std::uint8_t>(dictionary.size() >> (8 * i)));
    }
    bytes.insert(bytes.end(), dictionary.begin(), dictionary.end());
    for (std::size_t i = 0; i < data_bytes; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
    return bytes;
}

std::string dictionary(const std::string& type, const std::string& shape, const std::string& fortran = "False") {
    return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }   \n";
}

TEST(Npy, ImagesOfBothVersions) {
    Scratch scratch;
    for (const int version : {1, 2}) {
        write_file(scratch / "x.npy", npy(dictionary("|u1", "(2, 2, 3, 3)"), 36, version));
        const Images images = load_images(scratch / "x.npy", 0);
        EXPECT_EQ(images.count, 2);
        EXPECT_EQ(images.height, 2);
        EXPECT_EQ(images.width, 3);
        EXPECT_EQ(images.channels, 3);
        EXPECT_EQ(images.pixels[35], 35);
    }
    write_file(scratch / "grey.npy", npy(dictionary("|u1", "(2, 2, 3)"), 12));
    EXPECT_EQ(load_images(scratch / "grey.npy", 0).channels, 1);
}

TEST(Npy, Labels) {
    Scratch scratch;
    write_file(scratch / "y.npy", npy(dictionary("|u1", "(3,)"), 3));
    EXPECT_EQ(load_labels(scratch / "y.npy"), (Bytes{0, 1, 2}));
    Bytes wide = npy(dictionary("<i8", "(2,)"), 0);
    for (const int byte : {7, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0})
        wide.push_back(static_cast<std::uint8_t>(byte));
    write_file(scratch / "wide.npy", wide);
    EXPECT_EQ(load_labels(scratch / "wide.npy"), (Bytes{7, 255}));
    wide.back() = 1;
    write_file(scratch / "out.npy", wide);
    expect_error(ErrorCode::format, "label 1 is not between", [&] { load_labels(scratch / "out.npy"); });
    write_file(scratch / "two.npy", npy(dictionary("|u1", "(3, 1)"), 3));
    expect_error(ErrorCode::format, "one dimension", [&] { load_labels(scratch / "two.npy"); });
}

TEST(Npy, HostileHeaders) {
    Scratch scratch;
    const auto refuse = [&](const Bytes& bytes, const std::string& text) {
        write_file(scratch / "x.npy", bytes);
        expect_error(ErrorCode::format, text, [&] { load_npy(scratch / "x.npy"); });
    };
    refuse(npy(dictionary("<f4", "(1,)"), 4), "<f4");
    refuse(npy(dictionary("|u1", "(4, 4)", "True"), 16), "Fortran");
    refuse(npy(dictionary("|u1", "(4, 4)"), 15), "asks for 16 bytes, the file holds 15");
    refuse(npy(dictionary("|u1", "(4, 4)"), 17), "asks for 16 bytes, the file holds 17");
    refuse(npy(dictionary("|u1", "(2147483648, 2147483648, 2147483648, 2147483648)"), 4), "the file holds 4");
    refuse(npy(dictionary("<i8", "(536870912, 4294967296)"), 0), "tuple of numbers");
    refuse(npy(dictionary("|u1", "(18446744073709551616,)"), 4), "tuple of numbers");
    refuse(npy(dictionary("|u1", "(-1, 4)"), 4), "tuple of numbers");
    refuse(npy(dictionary("|u1", "(1, 1, 1, 1, 4)"), 4), "more than 4 dimensions");
    refuse(npy(dictionary("|u1", "(4"), 4), "not a tuple");
    refuse(npy(dictionary("|u1", "4"), 4), "not a tuple");
    refuse(npy("{'fortran_order': False, 'shape': (1,)}", 1), "'descr':");
    refuse(npy("", 4), "'descr':");
    refuse(npy(dictionary("|u1", "(4,)"), 4, 3), "version 3");
    refuse(npy(std::string(5000, ' '), 4), "at most 4096");
    refuse(Bytes{1, 2, 3}, "not a NumPy");
}

TEST(Npy, TruncatedAtEveryByteAndEveryByteFlipped) {
    Scratch scratch;
    const Bytes whole = npy(dictionary("|u1", "(2, 2)"), 4);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        write_file(scratch / "x.npy", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        EXPECT_THROW(load_npy(scratch / "x.npy"), Error) << size;
        Bytes flipped = whole;
        flipped[size] ^= 0xff;
        write_file(scratch / "y.npy", flipped);
        try {
            load_npy(scratch / "y.npy");
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::format);
        }
    }
}

TEST(Labels, RawAndText) {
    Scratch scratch;
    write_file(scratch / "y.labels", Bytes{5, 0, 255});
    EXPECT_EQ(load_labels(scratch / "y.labels"), (Bytes{5, 0, 255}));
    write_file(scratch / "y.csv", std::string("name,label\r\na.png, 3\r\n\r\nb.png,12 \r\n"));
    EXPECT_EQ(load_labels(scratch / "y.csv"), (Bytes{3, 12}));
    write_file(scratch / "y.txt", std::string("4\n5"));
    EXPECT_EQ(load_labels(scratch / "y.txt"), (Bytes{4, 5}));
    write_file(scratch / "bad.csv", std::string("1\ncat\n"));
    expect_error(ErrorCode::format, "line 2", [&] { load_labels(scratch / "bad.csv"); });
    write_file(scratch / "large.csv", std::string("1\n256\n"));
    expect_error(ErrorCode::format, "line 2", [&] { load_labels(scratch / "large.csv"); });
    write_file(scratch / "empty.u8", Bytes{});
    expect_error(ErrorCode::format, "no labels", [&] { load_labels(scratch / "empty.u8"); });
}

}  // namespace
}  // namespace obscura::io
