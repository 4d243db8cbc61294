#include "io/picture.hpp"

#include <fmt/format.h>
#include <png.h>
#include <webp/decode.h>

#include "base/error.hpp"
#include "io/whole_file.hpp"

namespace obscura::io {
namespace {

constexpr std::uint64_t max_file_bytes = 512ull << 20;
constexpr std::uint64_t max_pixels = 1ull << 26;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw Error(ErrorCode::format, fmt::format("{}: {}", path, what));
}

/// Sets the size, refusing pictures that would decode to more memory than any use of them needs.
void set_size(Picture& picture, std::uint64_t width, std::uint64_t height, int channels, const std::string& path) {
    if (width == 0 || height == 0 || width > max_pixels || height > max_pixels || width * height > max_pixels) {
        fail(path, fmt::format("{} x {} pixels are not between 1 and {}", width, height, max_pixels));
    }
    picture.width = static_cast<int>(width);
    picture.height = static_cast<int>(height);
    picture.channels = channels;
    picture.pixels.resize(width * height * static_cast<std::uint64_t>(channels));
}

/// Frees what libpng holds when reading ends early.
struct PngReader {
    png_image image{};
    PngReader() { image.version = PNG_IMAGE_VERSION; }
    ~PngReader() { png_image_free(&image); }
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
};

Picture decode_png(const std::vector<std::uint8_t>& bytes, const std::string& path) {
    PngReader reader;
    if (!png_image_begin_read_from_memory(&reader.image, bytes.data(), bytes.size())) {
        fail(path, fmt::format("not a readable PNG: {}", reader.image.message));
    }
    const bool colour = (reader.image.format & PNG_FORMAT_FLAG_COLOR) != 0;
    Picture picture;
    set_size(picture, reader.image.width, reader.image.height, colour ? 3 : 1, path);
    reader.image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    const png_color background{0, 0, 0};  // what transparency is laid over
    if (!png_image_finish_read(&reader.image, &background, picture.pixels.data(), 0, nullptr)) {
        fail(path, fmt::format("damaged PNG: {}", reader.image.message));
    }
    return picture;
}

Picture decode_webp(const std::vector<std::uint8_t>& bytes, const std::string& path) {
    int width = 0;
    int height = 0;
    if (!WebPGetInfo(bytes.data(), bytes.size(), &width, &height)) fail(path, "not a readable WebP");
    Picture picture;
    set_size(picture, static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height), 3, path);
    if (!WebPDecodeRGBInto(bytes.data(), bytes.size(), picture.pixels.data(), picture.pixels.size(), 3 * width)) {
        fail(path, "damaged WebP");
    }
    return picture;
}

}  // namespace

Picture load_picture(const std::string& path) {
    const std::string kind = extension(path);
    if (kind != ".png" && kind != ".webp") fail(path, "not a .png or .webp file");
    const std::vector<std::uint8_t> bytes = read_whole_file(path, max_file_bytes);
    return kind == ".png" ? decode_png(bytes, path) : decode_webp(bytes, path);
}

void write_png(const std::string& path, const Picture& picture) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(picture.width);
    image.height = static_cast<png_uint_32>(picture.height);
    image.format = picture.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    std::vector<std::uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(image));
    png_alloc_size_t size = bytes.size();
    if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.pixels.data(), 0, nullptr)) {
        throw Error(ErrorCode::io, fmt::format("{}: cannot encode the picture: {}", path, image.message));
    }
    write_whole_file(path, bytes.data(), size);
}

}  // namespace obscura::io
