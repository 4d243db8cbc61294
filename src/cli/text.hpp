#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Numbers and tables for people.
namespace obscura::cli {

/// "431 B", "12.3 MB", "5.41 GB": powers of 1000.
std::string format_bytes(std::uint64_t bytes);

/// "0.42 s", "31 s", "12 min 05 s".
std::string format_seconds(double seconds);

/// "91.41%".
std::string format_percent(double fraction);

/// "0.031 (2^-5.0)".
std::string format_error(double error);

/// "1 group", "12 groups".
std::string format_count(std::uint64_t count, const std::string& noun);

/// Rows of a name and a value in aligned columns, under a title.
std::string format_table(const std::string& title, const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace obscura::cli
