#pragma once

#include <string>

/// The network and the images that come with the program.
namespace obscura::cli {

inline constexpr const char* bundled_model = "models/resnet20-cifar10-lean.onnx";
inline constexpr const char* bundled_images = "data/cifar10-test-1024.webp";
inline constexpr const char* bundled_calibration = "data/cifar10-calibration.webp";
inline constexpr const char* bundled_classes = "data/cifar10-classes.txt";

/// `given`, or the bundled file below the working folder, or beside or above the executable.
/// Throws Error(io) if it is nowhere.
std::string or_bundled(const std::string& given, const std::string& bundled);

}  // namespace obscura::cli
