#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "io/images.hpp"
#include "io/npy.hpp"
#include "io/whole_file.hpp"

namespace obscura::io {
namespace {

constexpr std::uint64_t max_file_bytes = 1ull << 30;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw Error(ErrorCode::format, fmt::format("{}: {}", path, what));
}

std::vector<std::uint8_t> from_array(const std::string& path) {
    const NpyArray array = load_npy(path);
    if (array.shape.size() != 1) fail(path, fmt::format("labels must have one dimension, not {}", array.shape.size()));
    const std::size_t step = array.item_bytes();
    std::vector<std::uint8_t> labels;
    labels.reserve(array.elements());
    for (std::size_t at = 0; at < array.data.size(); at += step) {
        for (std::size_t i = 1; i < step; ++i) {
            if (array.data[at + i] != 0) fail(path, fmt::format("label {} is not between 0 and 255", labels.size()));
        }
        labels.push_back(array.data[at]);
    }
    return labels;
}

/// The number in the last column of a line, or -1.
int last_column(std::string_view line) {
    const std::size_t comma = line.find_last_of(",;\t");
    if (comma != std::string_view::npos) line.remove_prefix(comma + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    int value = -1;
    const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), value);
    const bool whole = problem == std::errc() && end == line.data() + line.size();
    return whole && value >= 0 && value <= 255 ? value : -1;
}

std::vector<std::uint8_t> from_text(const std::string& path) {
    const std::vector<std::uint8_t> bytes = read_whole_file(path, max_file_bytes);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<std::uint8_t> labels;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line == "\r") continue;
        const int label = last_column(line);
        if (label < 0 && number == 1) continue;  // column names
        if (label < 0) fail(path, fmt::format("line {} does not end with a label between 0 and 255", number));
        labels.push_back(static_cast<std::uint8_t>(label));
    }
    return labels;
}

}  // namespace

std::vector<std::uint8_t> load_labels(const std::string& path) {
    const std::string kind = extension(path);
    std::vector<std::uint8_t> labels;
    if (kind == ".npy") {
        labels = from_array(path);
    } else if (kind == ".csv" || kind == ".txt") {
        labels = from_text(path);
    } else if (kind == ".bin") {
        labels = load_images(path, 0).labels;
    } else {
        labels = read_whole_file(path, max_file_bytes);
    }
    if (labels.empty()) fail(path, "there are no labels in it");
    return labels;
}

}  // namespace obscura::io
