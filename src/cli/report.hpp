#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

/// Results for scripts: every command that reports takes --json.
namespace obscura::cli {

using Json = nlohmann::ordered_json;

/// Where a command's report goes: nowhere, standard output, or a file.
struct ReportTarget {
    bool wanted = false;
    std::string path;  ///< empty: standard output
};

/// Adds `--json [FILE]`. Without FILE the report replaces the readable text on standard output.
void add_json_option(CLI::App& command, ReportTarget& target);

/// What standard output is for.
enum class StandardOutput { text, data };

/// Writes the report where it is wanted. Throws Error(io). The readable text is printed instead of, or (if the report
/// goes to a file) besides, the JSON. Where standard output carries `data`, both go to standard error instead.
void deliver(const ReportTarget& target, const Json& report, const std::string& text,
             StandardOutput use = StandardOutput::text);

/// What standard output carries when a command writes its result to `path`. Throws Error(usage) if that would send
/// ciphertexts to a terminal.
StandardOutput use_of_standard_output(const std::string& path);

/// Writes one JSON value to a file, through a partial file. Throws Error(io).
void write_json(const std::string& path, const Json& value);

/// Reads a JSON file that another command of this program wrote. Throws Error(io) or Error(format).
Json read_json(const std::string& path);

}  // namespace obscura::cli
