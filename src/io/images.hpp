#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obscura::io {

/// 8-bit images, pixels[((image * height + y) * width + x) * channels + channel].
struct Images {
    int count = 0;
    int height = 0;
    int width = 0;
    int channels = 0;
    std::vector<std::uint8_t> pixels;
    std::vector<std::uint8_t> labels;  ///< empty, or one per image (CIFAR binaries carry them)
};

/// Reads images from
///   a .bin file: CIFAR-10 or CIFAR-100 binary (records of 3073 or 3074 bytes), with their (fine) labels,
///   a .npy file: uint8 [n, height, width, channels] or [n, height, width],
///   a .png or .webp file: one image, or a mosaic when both sides are multiples of `tile` and one is larger,
///   a folder: all its .png and .webp files in the order of their names, all of one size.
/// `tile` is the side of a mosaic's tiles in pixels; 0: a picture is one image. Tiles are taken row by row.
/// A file of the same name ending in .labels beside a .npy, .png or .webp file gives the labels.
/// Throws Error(io) if something cannot be read, Error(format) if it is none of these, damaged, or larger than
/// 2^26 pixels in one picture.
Images load_images(const std::string& path, int tile);

/// Reads labels 0..255 from a .npy file (uint8, int32 or int64 [n]), a .csv or .txt file (last column of every line; a
/// first line without a number is skipped), a CIFAR .bin file, or any other file (one byte a label).
/// Throws Error(io) or Error(format) as above.
std::vector<std::uint8_t> load_labels(const std::string& path);

/// Images [first, first + count) with their labels; count 0 means all that follow.
/// Throws Error(usage) if there are not that many.
Images slice(const Images& images, int first, int count);

/// `count` images from `first` on with their labels, where the first image follows the last one.
/// Throws Error(usage) if `first` is not one of them.
Images repeat(const Images& images, int first, int count);

}  // namespace obscura::io
