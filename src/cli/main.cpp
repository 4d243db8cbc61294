#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <new>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/version.hpp"

namespace {

constexpr const char* exit_codes = R"(Exit status:
  0    success
  1    a fault in Obscura itself
  2    the command was called wrongly
  3    a file could not be read or written
  4    a file is damaged, truncated, of another kind, version, plan or key
  5    security: parameters below 128 bits, or a secret key where none may be
  6    the network uses something Obscura cannot run
  7    values leave the range that the parameters can hold
  8    not enough memory
  130  interrupted; nothing half-written is left, and infer goes on after its finished groups

A first run: obscura demo. All commands: docs/cli.md.)";

/// Runs what the command line asks for; the result is the exit status.
int run(int argc, char** argv) {
    CLI::App app{"Obscura runs neural networks on images it cannot see.", "obscura"};
    app.set_version_flag("--version", std::string("obscura ") + obscura::cli::version);
    app.require_subcommand(1);
    app.footer(exit_codes);
    app.get_formatter()->column_width(34);
    obscura::cli::add_compile(app);
    obscura::cli::add_explain(app);
    obscura::cli::add_simulate(app);
    obscura::cli::add_keygen(app);
    obscura::cli::add_encrypt(app);
    obscura::cli::add_infer(app);
    obscura::cli::add_decrypt(app);
    obscura::cli::add_demo(app);
    obscura::cli::add_bench(app);
    if (argc < 2) {
        fmt::print("{}", app.help());
        return static_cast<int>(obscura::ErrorCode::usage);
    }
    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(obscura::ErrorCode::usage);
    }
}

}  // namespace

int main(int argc, char** argv) {
    using obscura::ErrorCode;
    obscura::cli::install_signal_handlers();
    try {
        return run(argc, argv);
    } catch (const obscura::Error& error) {
        fmt::print(stderr, "obscura: {}\n", error.what());
        return static_cast<int>(error.code());
    } catch (const std::filesystem::filesystem_error& error) {
        fmt::print(stderr, "obscura: {}: {}\n", error.path1().string(), error.code().message());
        return static_cast<int>(ErrorCode::io);
    } catch (const std::bad_alloc&) {
        fmt::print(
            stderr,
            "obscura: there is not enough memory; compile with a smaller --run-length or use a machine with more\n");
        return static_cast<int>(ErrorCode::resource);
    } catch (const std::exception& error) {
        fmt::print(stderr, "obscura: internal error: {}; please report it with the command you ran\n", error.what());
        return 1;
    }
}
