#include "cli/options.hpp"

#include <fmt/format.h>

#include <map>

#include "base/error.hpp"
#include "ring/kernels/kernels.hpp"
#include "tensor/machine_file.hpp"

namespace obscura::cli {

void add_threads_option(CLI::App& command, int& threads) {
    command.add_option("--threads", threads, "Threads; 0 takes every core")->check(CLI::Range(0, 1024))->type_name("T");
}

CLI::Validator as_bytes() {
    // Returns what is wrong, or nothing.
    const auto read = [](std::string& text) -> std::string {
        std::size_t used = 0;
        double value = 0;
        try {
            value = std::stod(text, &used);
        } catch (const std::exception&) {
            used = 0;
        }
        std::string unit = text.substr(used);
        if (!unit.empty() && (unit.back() == 'B' || unit.back() == 'b')) unit.pop_back();
        const std::map<std::string, double> units{{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};
        const auto found = units.find(unit);
        if (used == 0 || found == units.end() || !(value > 0) || value * found->second > 1e15)
            return text + " is no size such as 4G, 7.5G or 900M";
        text = fmt::format("{:.0f}", value * found->second);
        return "";
    };
    return {read, "BYTES"};
}

void add_machine_option(CLI::App& command, std::string& path, const std::string& others) {
    command
        .add_option("--machine", path, "Rates of the server, made there by bench kernels --calibrate; else " + others)
        ->type_name("FILE");
}

KnownRates machine_rates(const std::string& path, int threads) {
    KnownRates known;
    if (path.empty()) {
        const auto [rates, machine] = tensor::usual_rates(ring::default_kernels().name);
        known = {rates, fmt::format("a {}", machine)};
    } else {
        known = {tensor::load_rates(path), path};
    }
    if (threads > 0) known.rates.threads = threads;
    return known;
}

void add_quiet_option(CLI::App& command, bool& quiet) {
    command.add_flag("-q,--quiet", quiet, "Show no progress");
}

void add_image_options(CLI::App& command, ImageChoice& choice, bool required) {
    command
        .add_option("--images", choice.path,
                    "Images: CIFAR .bin, .npy, .png, .webp (one image or a mosaic) or a folder of .png and .webp")
        ->required(required)
        ->type_name("PATH");
    command
        .add_option("--labels", choice.labels,
                    "True classes: .npy, .csv, .txt, CIFAR .bin, or one byte each; else those beside the images")
        ->type_name("FILE");
    command.add_option("--first", choice.first, "Skip this many images")->check(CLI::NonNegativeNumber)->type_name("K");
    command.add_option("--count", choice.count, "Take this many images; 0: all that follow")
        ->check(CLI::NonNegativeNumber)
        ->type_name("M");
    command.add_option("--mosaic", choice.tile, "Side of a mosaic's tiles in pixels; 0: a picture is one image")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str()
        ->type_name("SIDE");
}

io::Images ImageChoice::load() const {
    io::Images images = io::load_images(path, tile);
    if (!labels.empty()) {
        images.labels = io::load_labels(labels);
        if (images.labels.size() != static_cast<std::size_t>(images.count)) {
            throw Error(ErrorCode::format, fmt::format("{}: {} labels for the {} images of {}", labels,
                                                       images.labels.size(), images.count, path));
        }
    }
    return repeat && count > 0 ? io::repeat(images, first, count) : io::slice(images, first, count);
}

}  // namespace obscura::cli
