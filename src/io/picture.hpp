#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obscura::io {

/// One 8-bit picture, pixels[(y * width + x) * channels + channel]; channels is 1 (grey) or 3 (RGB).
struct Picture {
    int width = 0;
    int height = 0;
    int channels = 3;
    std::vector<std::uint8_t> pixels;
};

/// Reads a .png (transparency is dropped, 16 bits become 8) or .webp file.
/// Throws Error(io) if it cannot be read; Error(format) if it is damaged, of another kind, or above 2^26 pixels.
Picture load_picture(const std::string& path);

/// Writes a PNG file. Throws Error(io).
void write_png(const std::string& path, const Picture& picture);

}  // namespace obscura::io
