#include "io/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "io/whole_file.hpp"

namespace obscura::io {
namespace {

constexpr std::uint64_t max_file_bytes = 4ull << 30;
constexpr std::uint64_t max_side = 1ull << 31;
constexpr std::size_t max_header_bytes = 4096;
constexpr std::size_t max_dimensions = 4;
constexpr std::string_view magic{"\x93NUMPY", 6};

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw Error(ErrorCode::format, fmt::format("{}: {}", path, what));
}

/// The text after `'key':` in the header, which is a Python dictionary written by numpy.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& path) {
    const std::string quoted = fmt::format("'{}':", key);
    const std::size_t at = header.find(quoted);
    if (at == std::string_view::npos) fail(path, fmt::format("the .npy header has no {}", quoted));
    std::string_view rest = header.substr(at + quoted.size());
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    return rest;
}

std::vector<std::uint64_t> parse_shape(std::string_view text, const std::string& path) {
    const std::size_t close = text.find(')');
    if (text.empty() || text.front() != '(' || close == std::string_view::npos)
        fail(path, "the .npy shape is not a tuple");
    text = text.substr(1, close - 1);
    std::vector<std::uint64_t> shape;
    while (true) {
        while (!text.empty() && (text.front() == ' ' || text.front() == ',')) text.remove_prefix(1);
        if (text.empty()) return shape;
        std::uint64_t side = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), side);
        if (problem != std::errc() || side > max_side) fail(path, "the .npy shape is not a tuple of numbers");
        shape.push_back(side);
        if (shape.size() > max_dimensions) fail(path, fmt::format("more than {} dimensions", max_dimensions));
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
}

std::string parse_type(std::string_view text, const std::string& path) {
    for (const char* type : {"|u1", "<i4", "<i8"}) {
        if (text.substr(0, 5) == fmt::format("'{}'", type)) return type;
    }
    fail(path, fmt::format(
                   "elements are of type {}; 8-bit unsigned (numpy.uint8) is expected, for labels also int32 or int64",
                   text.substr(0, std::min<std::size_t>(text.find(','), 16))));
}

}  // namespace

std::size_t NpyArray::item_bytes() const {
    return type == "|u1" ? 1 : type == "<i4" ? 4 : 8;
}

NpyArray load_npy(const std::string& path) {
    std::vector<std::uint8_t> bytes = read_whole_file(path, max_file_bytes);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() < 12 || text.substr(0, magic.size()) != magic) fail(path, "not a NumPy .npy file");
    const int version = bytes[6];
    if (version != 1 && version != 2) fail(path, fmt::format(".npy version {} is not 1 or 2", version));
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    std::uint64_t header_bytes = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) header_bytes |= static_cast<std::uint64_t>(bytes[8 + i]) << (8 * i);
    const std::size_t header_begin = 8 + length_bytes;
    if (header_bytes > max_header_bytes || header_bytes > bytes.size() - header_begin) {
        fail(path, fmt::format("a .npy header of {} bytes is announced; {} are left and at most {} are allowed",
                               header_bytes, bytes.size() - header_begin, max_header_bytes));
    }
    const std::string_view header = text.substr(header_begin, header_bytes);

    NpyArray array;
    array.type = parse_type(value_of(header, "descr", path), path);
    if (value_of(header, "fortran_order", path).substr(0, 5) != "False") {
        fail(path, "the array is in Fortran order; save numpy.ascontiguousarray(a)");
    }
    array.shape = parse_shape(value_of(header, "shape", path), path);
    const std::uint64_t present = bytes.size() - header_begin - header_bytes;
    std::uint64_t expected = array.item_bytes();
    for (const std::uint64_t side : array.shape) {
        // A side is at most 2^31 and the product so far at most 2^32: no overflow.
        expected *= side;
        if (expected > max_file_bytes) break;
    }
    if (expected != present) {
        fail(path, fmt::format("the shape ({}) asks for {} bytes, the file holds {}", fmt::join(array.shape, ", "),
                               expected, present));
    }
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header_begin + header_bytes));
    array.data = std::move(bytes);
    return array;
}

}  // namespace obscura::io
