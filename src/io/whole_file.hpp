#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obscura::io {

/// The bytes of a regular file. Throws Error(io) if it cannot be read and Error(format) if it is larger than
/// `max_bytes`; nothing is allocated before that check.
std::vector<std::uint8_t> read_whole_file(const std::string& path, std::uint64_t max_bytes);

/// Writes `path` through `path`.partial and a rename, so that readers never see half a file. Throws Error(io).
void write_whole_file(const std::string& path, const void* data, std::size_t size);
void write_whole_file(const std::string& path, const std::string& text);

/// The part after the last dot of the file name, lower case, with the dot: ".png"; empty if there is none.
std::string extension(const std::string& path);

}  // namespace obscura::io
