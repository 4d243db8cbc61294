#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obscura::io {

/// A NumPy array file: versions 1 and 2, C order, integers only.
struct NpyArray {
    std::string type;  ///< "|u1", "<i4" or "<i8"
    std::vector<std::uint64_t> shape;
    std::vector<std::uint8_t> data;  ///< elements in C order, little endian
    std::uint64_t elements() const { return data.size() / item_bytes(); }
    std::size_t item_bytes() const;
};

/// Throws Error(io) if the file cannot be read; Error(format) if it is not such an array, has more than
/// four dimensions, or its shape and size disagree.
NpyArray load_npy(const std::string& path);

}  // namespace obscura::io
