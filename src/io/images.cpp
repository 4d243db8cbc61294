#include "io/images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "io/npy.hpp"
#include "io/picture.hpp"
#include "io/whole_file.hpp"

namespace obscura::io {
namespace {

constexpr std::uint64_t max_file_bytes = 4ull << 30;
constexpr int cifar_side = 32;
constexpr int cifar_channels = 3;
constexpr std::size_t cifar_plane = cifar_side * cifar_side;
constexpr std::size_t cifar_pixels = cifar_plane * cifar_channels;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw Error(ErrorCode::format, fmt::format("{}: {}", path, what));
}

std::size_t image_bytes(const Images& images) {
    return static_cast<std::size_t>(images.height) * images.width * images.channels;
}

/// Records of [label, pixels] (CIFAR-10) or [coarse label, fine label, pixels] (CIFAR-100); planes R, G, B.
Images load_cifar(const std::string& path) {
    const std::vector<std::uint8_t> bytes = read_whole_file(path, max_file_bytes);
    std::size_t label_bytes = 0;
    if (bytes.size() % (1 + cifar_pixels) == 0) label_bytes = 1;
    if (label_bytes == 0 && bytes.size() % (2 + cifar_pixels) == 0) label_bytes = 2;
    if (label_bytes == 0 || bytes.empty()) {
        fail(path, fmt::format("{} bytes are not a whole number of CIFAR records of 3073 or 3074 bytes", bytes.size()));
    }
    const std::size_t record = label_bytes + cifar_pixels;
    Images images{static_cast<int>(bytes.size() / record), cifar_side, cifar_side, cifar_channels, {}, {}};
    images.pixels.resize(bytes.size() / record * cifar_pixels);
    std::uint8_t* to = images.pixels.data();
    for (std::size_t at = 0; at < bytes.size(); at += record) {
        images.labels.push_back(bytes[at + label_bytes - 1]);
        const std::uint8_t* planes = &bytes[at + label_bytes];
        for (std::size_t pixel = 0; pixel < cifar_plane; ++pixel) {
            for (std::size_t c = 0; c < cifar_channels; ++c) *to++ = planes[c * cifar_plane + pixel];
        }
    }
    return images;
}

Images load_array(const std::string& path) {
    NpyArray array = load_npy(path);
    const std::vector<std::uint64_t>& shape = array.shape;
    if (array.type != "|u1" || shape.size() < 3 || shape.size() > 4) {
        fail(path, fmt::format("images must be uint8 [n, height, width, channels]; this is {} [{}]", array.type,
                               fmt::join(shape, ", ")));
    }
    for (const std::uint64_t side : shape) {
        if (side == 0 || side > (1u << 26))
            fail(path, fmt::format("a side of {} in [{}]", side, fmt::join(shape, ", ")));
    }
    const int channels = shape.size() == 4 ? static_cast<int>(shape[3]) : 1;
    return {static_cast<int>(shape[0]), static_cast<int>(shape[1]),
            static_cast<int>(shape[2]), channels,
            std::move(array.data),      {}};
}

/// Cuts a mosaic into its tiles, row by row.
Images cut(const Picture& picture, int tile) {
    const int columns = picture.width / tile;
    const int rows = picture.height / tile;
    Images images{rows * columns, tile, tile, picture.channels, {}, {}};
    images.pixels.resize(picture.pixels.size());
    std::uint8_t* to = images.pixels.data();
    const std::size_t run = static_cast<std::size_t>(tile) * picture.channels;
    for (int image = 0; image < images.count; ++image) {
        for (int y = 0; y < tile; ++y, to += run) {
            const std::size_t row = static_cast<std::size_t>(image / columns) * tile + y;
            std::memcpy(to, &picture.pixels[(row * columns + image % columns) * run], run);
        }
    }
    return images;
}

Images load_one_picture(const std::string& path, int tile) {
    Picture picture = load_picture(path);
    const bool mosaic = tile > 0 && picture.width % tile == 0 && picture.height % tile == 0;
    if (mosaic) return cut(picture, tile);
    return {1, picture.height, picture.width, picture.channels, std::move(picture.pixels), {}};
}

Images load_folder(const std::string& path) {
    std::vector<std::string> names;
    std::error_code problem;
    for (std::filesystem::directory_iterator entry(path, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        const std::string kind = extension(entry->path().string());
        if (kind == ".png" || kind == ".webp") names.push_back(entry->path().string());
    }
    if (problem) throw Error(ErrorCode::io, fmt::format("{}: cannot list the folder: {}", path, problem.message()));
    if (names.empty()) fail(path, "the folder holds no .png or .webp file");
    std::sort(names.begin(), names.end());
    Images images;
    for (const std::string& name : names) {
        const Picture picture = load_picture(name);
        if (images.count == 0) images = {0, picture.height, picture.width, picture.channels, {}, {}};
        if (picture.width != images.width || picture.height != images.height || picture.channels != images.channels) {
            fail(name, fmt::format("{} x {} pixels in {} channels; the first image of the folder has {} x {} in {}",
                                   picture.width, picture.height, picture.channels, images.width, images.height,
                                   images.channels));
        }
        images.pixels.insert(images.pixels.end(), picture.pixels.begin(), picture.pixels.end());
        ++images.count;
    }
    return images;
}

void add_labels_beside(Images& images, const std::string& path) {
    const std::string beside = std::filesystem::path(path).replace_extension(".labels").string();
    if (!std::filesystem::exists(beside)) return;
    images.labels = load_labels(beside);
    if (images.labels.size() != static_cast<std::size_t>(images.count)) {
        fail(beside, fmt::format("{} labels for the {} images of {}", images.labels.size(), images.count, path));
    }
}

}  // namespace

Images load_images(const std::string& path, int tile) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) return load_folder(path);
    const std::string kind = extension(path);
    if (kind == ".bin") return load_cifar(path);
    if (kind != ".npy" && kind != ".png" && kind != ".webp") {
        if (!std::filesystem::exists(path, ignored)) throw Error(ErrorCode::io, path + ": no such file or folder");
        fail(path, "images come as a .bin (CIFAR), .npy, .png or .webp file, or a folder of .png and .webp files");
    }
    Images images = kind == ".npy" ? load_array(path) : load_one_picture(path, tile);
    add_labels_beside(images, path);
    return images;
}

Images slice(const Images& images, int first, int count) {
    if (count == 0) count = images.count - first;
    if (first < 0 || count <= 0 || count > images.count || first > images.count - count) {
        throw Error(ErrorCode::usage,
                    fmt::format("images {} to {} are asked for, but there are only {} (0 to {})", first,
                                static_cast<std::int64_t>(first) + count - 1, images.count, images.count - 1));
    }
    Images part{count, images.height, images.width, images.channels, {}, {}};
    const std::size_t size = image_bytes(images);
    const std::uint8_t* begin = images.pixels.data() + first * size;
    part.pixels.assign(begin, begin + count * size);
    if (!images.labels.empty())
        part.labels.assign(images.labels.begin() + first, images.labels.begin() + first + count);
    return part;
}

Images repeat(const Images& images, int first, int count) {
    Images result = slice(images, first, std::min(count, std::max(images.count - first, 1)));
    const std::size_t size = image_bytes(images);
    result.pixels.reserve(static_cast<std::size_t>(count) * size);
    for (; result.count < count; ++result.count) {
        const auto next = static_cast<std::size_t>((static_cast<std::int64_t>(first) + result.count) % images.count);
        const std::uint8_t* from = images.pixels.data() + next * size;
        result.pixels.insert(result.pixels.end(), from, from + size);
        if (!images.labels.empty()) result.labels.push_back(images.labels[next]);
    }
    return result;
}

}  // namespace obscura::io
