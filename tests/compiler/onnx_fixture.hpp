#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compiler/compile.hpp"
#include "io/images.hpp"

/// The models of tests/data and what they should give (tests/data/make_onnx.py).
namespace obscura::compiler::testing {

inline std::string model_path(const std::string& name) {
    return std::string(OBSCURA_SOURCE_DIR) + "/tests/data/" + name + ".onnx";
}

/// A small insecure ring, rows of eight pixels.
inline CompileOptions toy_options() {
    CompileOptions options;
    options.log_degree = 10;
    options.insecure_for_tests = true;
    options.threads = 2;
    options.run_length = 8;
    return options;
}

struct Expected {
    std::vector<std::vector<double>> pixels;  ///< [images][channels * height * width]
    std::vector<std::vector<double>> scores;
};

inline Expected expected(const std::string& name) {
    std::ifstream file(std::string(OBSCURA_SOURCE_DIR) + "/tests/data/expected.json");
    const auto value = nlohmann::json::parse(file).at(name);
    return {value.at("pixels").get<std::vector<std::vector<double>>>(),
            value.at("scores").get<std::vector<std::vector<double>>>()};
}

/// The same pixels as 8-bit images, channels interleaved.
inline io::Images images(const Expected& expected, int height, int width, int channels) {
    io::Images result{static_cast<int>(expected.pixels.size()), height, width, channels, {}, {}};
    for (const auto& image : expected.pixels)
        for (std::size_t p = 0; p < static_cast<std::size_t>(height * width); ++p)
            for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c)
                result.pixels.push_back(
                    static_cast<std::uint8_t>(image[c * static_cast<std::size_t>(height * width) + p]));
    return result;
}

}  // namespace obscura::compiler::testing
