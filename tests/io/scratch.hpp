#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.hpp"

/// Helpers of the file tests: a folder that disappears, whole-file reading and writing, and errors by code and text.
namespace obscura::testing {

using Bytes = std::vector<std::uint8_t>;

/// A folder of one test, removed with everything in it.
class Scratch {
  public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "obscura-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw Error(ErrorCode::io, "cannot make a scratch folder");
        folder_ = name;
    }
    ~Scratch() { std::filesystem::remove_all(folder_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    std::string operator/(const std::string& name) const { return (folder_ / name).string(); }

  private:
    std::filesystem::path folder_;
};

inline Bytes read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

inline void write_file(const std::string& path, const Bytes& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline void write_file(const std::string& path, const std::string& text) {
    write_file(path, Bytes(text.begin(), text.end()));
}

/// Runs `action`, which must throw an Error of `code` whose message contains `text`.
template <typename Action>
void expect_error(ErrorCode code, const std::string& text, Action action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
        EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        return;
    }
    ADD_FAILURE() << "no Error was thrown; expected one with \"" << text << '"';
}

}  // namespace obscura::testing
