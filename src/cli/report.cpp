#include "cli/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "io/input_stream.hpp"
#include "io/whole_file.hpp"

namespace obscura::cli {
namespace {

constexpr std::uint64_t max_report_bytes = 1ull << 30;

void print(const std::string& text, std::FILE* to) {
    if (std::fwrite(text.data(), 1, text.size(), to) != text.size() || std::fflush(to) != 0) {
        if (errno == EPIPE) return;  // the reader has seen enough
        throw Error(ErrorCode::io, "cannot write to standard output");
    }
}

}  // namespace

void add_json_option(CLI::App& command, ReportTarget& target) {
    // An option with an optional value; an empty default tells "--json" from "--json FILE".
    command
        .add_option_function<std::string>(
            "--json",
            [&target](const std::string& path) {
                target.wanted = true;
                target.path = path == "-" ? "" : path;
            },
            "Report as JSON, to FILE or to standard output")
        ->expected(0, 1)
        ->default_str("-")
        ->type_name("FILE");
}

void deliver(const ReportTarget& target, const Json& report, const std::string& text, StandardOutput use) {
    std::FILE* to = use == StandardOutput::data ? stderr : stdout;
    if (!target.wanted) return print(text, to);
    if (target.path.empty()) return print(report.dump(2) + "\n", to);
    write_json(target.path, report);
    print(text, to);
}

StandardOutput use_of_standard_output(const std::string& path) {
    if (path != io::standard_stream) return StandardOutput::text;
    if (::isatty(STDOUT_FILENO) == 1)
        throw Error(ErrorCode::usage, "ciphertexts are not for a terminal; send them into a file or a pipe");
    return StandardOutput::data;
}

void write_json(const std::string& path, const Json& value) {
    io::write_whole_file(path, value.dump(2) + "\n");
}

Json read_json(const std::string& path) {
    const auto bytes = io::read_whole_file(path, max_report_bytes);
    Json value = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
    if (value.is_discarded()) throw Error(ErrorCode::format, path + ": not valid JSON");
    return value;
}

}  // namespace obscura::cli
