#pragma once

#include <CLI/CLI.hpp>

/// One function a command: declares its options and what runs when it is called. The callbacks throw obscura::Error.
namespace obscura::cli {

void add_compile(CLI::App& app);
void add_explain(CLI::App& app);
void add_simulate(CLI::App& app);
void add_keygen(CLI::App& app);
void add_encrypt(CLI::App& app);
void add_infer(CLI::App& app);
void add_decrypt(CLI::App& app);
void add_demo(CLI::App& app);
void add_bench(CLI::App& app);

}  // namespace obscura::cli
