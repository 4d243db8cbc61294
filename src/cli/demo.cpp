#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/bundled.hpp"
#include "cli/commands.hpp"
#include "cli/end_to_end.hpp"
#include "cli/lost_images.hpp"
#include "cli/options.hpp"
#include "cli/predictions.hpp"

namespace obscura::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::string model;
    std::string data;
    std::string calibration;
    int images = 1024;
    int threads = 0;
    std::string output = "demo-output";
};

void run(const Options& options) {
    EndToEndOptions job;
    job.model = or_bundled(options.model, bundled_model);
    job.images = or_bundled(options.data, bundled_images);
    job.calibration = or_bundled(options.calibration, bundled_calibration);
    if (options.model.empty()) job.classes = or_bundled("", bundled_classes);
    job.count = options.images;
    job.threads = options.threads;
    job.folder = options.output;
    fmt::print(
        "Obscura demo: {} images, encrypted by a client process, classified by a server process that never sees\n"
        "a key to read them: it is given {}/server and nothing else.\n\n",
        options.images, options.output);
    std::fflush(stdout);

    const EndToEndResult result = run_end_to_end(job, false);
    const fs::path folder = options.output;
    write_json((folder / "report.json").string(), result.report);
    write_predictions((folder / "predictions.png").string(), result.plan, result.images, result.scores);
    fmt::print("\n{}\nreport: {}\npicture: {}\n", result.table, (folder / "report.json").string(),
               (folder / "predictions.png").string());
    require_none_lost(result.scores, 0);
}

}  // namespace

void add_demo(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "demo", "The whole job on bundled images: keys, encrypt, infer in a separate process, decrypt");
    const auto options = std::make_shared<Options>();
    command->add_option("--images", options->images, "How many images; beyond the bundled ones they repeat")
        ->check(CLI::PositiveNumber)
        ->capture_default_str()
        ->type_name("N");
    add_threads_option(*command, options->threads);
    command->add_option("--output", options->output, "Folder for keys, ciphertexts, report.json and predictions.png")
        ->capture_default_str()
        ->type_name("FOLDER");
    command->add_option("--model", options->model, "Another .onnx network or .plan")->type_name("FILE");
    command->add_option("--data", options->data, "Other images, with their labels beside them")->type_name("PATH");
    command->add_option("--calibrate", options->calibration, "Other images to choose scales with")->type_name("PATH");
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
