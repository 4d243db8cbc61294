#pragma once

#include <string>

#include "plan/plan.hpp"

/// Plan files: the container of io/container.hpp (kind plan) around
///     u32 length, JSON of everything but the weights; then every operand's weights in order, int16 little endian.
namespace obscura::plan {

/// Validates and writes. Throws Error(io) if the file cannot be written.
void save_plan(const Plan& plan, const std::string& path);

/// Reads and validates. Throws Error(io) if the file cannot be read, Error(format) if it is damaged or inconsistent,
/// Error(security) if its parameters are below 128 bits without being marked as insecure.
Plan load_plan(const std::string& path);

}  // namespace obscura::plan
