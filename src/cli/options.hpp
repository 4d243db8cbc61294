#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "io/images.hpp"
#include "tensor/cost_model.hpp"

/// Options that several commands share, under the same names everywhere.
namespace obscura::cli {

/// `--threads T`, 0 (all cores) to 1024.
void add_threads_option(CLI::App& command, int& threads);

/// For `--memory`: reads "4G", "7.5G" or "900M" as a number of bytes.
CLI::Validator as_bytes();

/// `--machine FILE`: rates of the server that `bench kernels --calibrate` measured, or else `others`.
void add_machine_option(CLI::App& command, std::string& path, const std::string& others);

/// Rates, and whose they are.
struct KnownRates {
    tensor::MachineRates rates;
    std::string machine;
};

/// Those rates, or if no file is given the usual ones with the kernels that run here; `threads` not 0 replaces the
/// threads.
KnownRates machine_rates(const std::string& path, int threads);

/// `--quiet`: no progress.
void add_quiet_option(CLI::App& command, bool& quiet);

/// Which images: `--images FILE --first K --count M --mosaic SIDE --labels FILE`.
struct ImageChoice {
    std::string path;
    std::string labels;
    int tile = 32;
    int first = 0;
    int count = 0;        ///< 0: all from `first` on
    bool repeat = false;  ///< begin again with the first image where `count` asks for more than there are

    /// Loads them; labels from --labels or, if that is not given, from beside the images. Throws Error.
    io::Images load() const;
};

void add_image_options(CLI::App& command, ImageChoice& choice, bool required);

}  // namespace obscura::cli
