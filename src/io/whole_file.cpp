#include "io/whole_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.hpp"

namespace obscura::io {
namespace {

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

[[noreturn]] void fail(const std::string& path, const char* action, int reason) {
    throw Error(ErrorCode::io, fmt::format("{}: cannot {}: {}", path, action, std::strerror(reason)));
}

}  // namespace

std::vector<std::uint8_t> read_whole_file(const std::string& path, std::uint64_t max_bytes) {
    std::error_code reason;
    const std::uint64_t size = std::filesystem::file_size(path, reason);
    if (reason) fail(path, "read", reason.value());
    if (size > max_bytes) {
        throw Error(ErrorCode::format, fmt::format("{}: {} bytes are more than the {} allowed", path, size, max_bytes));
    }
    const File file(std::fopen(path.c_str(), "rb"));
    if (!file) fail(path, "open", errno);
    std::vector<std::uint8_t> bytes(size);
    if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) fail(path, "read", errno);
    return bytes;
}

void write_whole_file(const std::string& path, const void* data, std::size_t size) {
    const std::string partial = path + ".partial";
    File file(std::fopen(partial.c_str(), "wb"));
    if (!file) fail(partial, "create", errno);
    const bool written = std::fwrite(data, 1, size, file.get()) == size;
    int reason = errno;
    const bool closed = std::fclose(file.release()) == 0;
    if (written && !closed) reason = errno;
    if (written && closed && std::rename(partial.c_str(), path.c_str()) == 0) return;
    if (written && closed) reason = errno;
    std::remove(partial.c_str());
    fail(path, "write", reason);
}

void write_whole_file(const std::string& path, const std::string& text) {
    write_whole_file(path, text.data(), text.size());
}

std::string extension(const std::string& path) {
    std::string ending = std::filesystem::path(path).extension().string();
    std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
    return ending;
}

}  // namespace obscura::io
