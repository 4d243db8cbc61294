#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/error.hpp"
#include "cli/bundled.hpp"
#include "cli/commands.hpp"
#include "cli/end_to_end.hpp"
#include "cli/kernel_bench.hpp"
#include "cli/lost_images.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"
#include "runtime/rate_measurement.hpp"
#include "tensor/machine_file.hpp"

namespace obscura::cli {
namespace {

namespace fs = std::filesystem;

/// A folder that is removed with everything in it, secret key included.
class ScratchFolder {
  public:
    ScratchFolder() {
        std::string name = (fs::temp_directory_path() / "obscura-bench-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw Error(ErrorCode::io, name + ": cannot be made; set TMPDIR to a folder with room");
        path_ = name;
    }
    ~ScratchFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    std::string path() const { return path_.string(); }

  private:
    fs::path path_;
};

struct Options {
    EndToEndOptions job;
    bool quiet = false;
    ReportTarget json;
};

void run_whole(const Options& options) {
    const ScratchFolder scratch;
    EndToEndOptions job = options.job;
    if (job.model.empty()) job.classes = or_bundled("", bundled_classes);
    job.model = or_bundled(job.model, bundled_model);
    job.images = or_bundled(job.images, bundled_images);
    job.calibration = or_bundled(job.calibration, bundled_calibration);
    job.folder = scratch.path();
    const bool json_on_stdout = options.json.wanted && options.json.path.empty();
    const EndToEndResult result = run_end_to_end(job, options.quiet || json_on_stdout);
    deliver(options.json, result.report, "\n" + result.table);
    require_none_lost(result.scores, 0);
}

void add_whole(CLI::App& bench) {
    CLI::App* command = bench.add_subcommand("e2e", "The whole run in separate client and server processes");
    const auto options = std::make_shared<Options>();
    EndToEndOptions& job = options->job;
    command->add_option("--model", job.model, "The network, .onnx or .plan, else the bundled one")->type_name("FILE");
    command
        ->add_option("--batch", job.count,
                     "Images encrypted, in several groups and repeated where they must be; 0: at most one group of the "
                     "layout that takes least time an image")
        ->check(CLI::NonNegativeNumber)
        ->type_name("B");
    add_threads_option(*command, job.threads);
    command
        ->add_option("--runs", job.runs,
                     "Runs of the server on the same request, one right after the other; reports the one that takes "
                     "the median time, and the times of all")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_option("--images", job.images, "Images with labels, else the bundled ones")->type_name("PATH");
    command->add_option("--labels", job.labels, "True classes, else those beside the images")->type_name("FILE");
    command->add_option("--mosaic", job.tile, "Side of a mosaic's tiles in pixels")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    command->add_option("--calibrate", job.calibration, "Images to compile with")
        ->capture_default_str()
        ->type_name("PATH");
    command->add_option("--memory", job.memory, "Memory of the server process, such as 4G")->type_name("BYTES");
    command->add_option("--run-length", job.run_length, "Pixels of a cell; 0: as suits the batch and the memory")
        ->check(CLI::NonNegativeNumber)
        ->type_name("R");
    add_machine_option(*command, job.machine, "usual ones with the kernels that run here");
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->callback([options] { run_whole(*options); });
}

struct KernelOptions {
    std::string calibrate;
    int threads = 0;
    bool quiet = false;
    ReportTarget json;
};

/// Measures this machine's rates and writes them where compile and explain can read them.
void run_calibration(const KernelOptions& options) {
    runtime::MeasurementOptions settings;
    settings.threads = options.threads;
    const tensor::MachineRates rates = [&] {
        TerminalProgress progress("bench", options.quiet);
        return runtime::measure_rates(settings, progress);
    }();
    tensor::save_rates(rates, options.calibrate);
    const auto giga = [](double rate) { return fmt::format("{:.2f} G/s", rate / 1e9); };
    deliver(options.json, read_json(options.calibrate),
            format_table(options.calibrate + ": rates of this machine, one core of " + std::to_string(rates.threads),
                         {{"transform, N = 32768", fmt::format("{:.0f} us", 1e6 * rates.transform_seconds)},
                          {"the same while squaring", fmt::format("{:.0f} us", 1e6 * rates.square_seconds)},
                          {"matrix product, multiply-adds", giga(rates.product_rate)},
                          {"key products, multiply-adds", giga(rates.key_product_rate)},
                          {"packing, words", giga(rates.pack_rate)}}));
}

void run_kernels(const KernelOptions& options) {
    if (!options.calibrate.empty()) return run_calibration(options);
    constexpr int levels = 20;
    constexpr int special = 7;
    const std::vector<KernelTime> times = time_kernels(levels, special);
    Json report = Json::array();
    std::string text = fmt::format("one core, N = 32768, {} + {} primes\n{:<8} {:<34} {:>12}   {}\n", levels, special,
                                   "variant", "operation", "microseconds", "rate");
    for (const KernelTime& time : times) {
        Json entry{{"variant", time.variant}, {"operation", time.operation}, {"microseconds", time.microseconds}};
        std::string rate;
        if (time.rate > 0) {
            entry["rate"] = time.rate;
            entry["unit"] = time.unit;
            rate = fmt::format("{:.1f} G {}", time.rate / 1e9, time.unit);
        }
        report.push_back(std::move(entry));
        text += fmt::format("{:<8} {:<34} {:>12.1f}   {}\n", time.variant, time.operation, time.microseconds, rate);
    }
    deliver(options.json, report, text);
}

void add_kernels(CLI::App& bench) {
    CLI::App* command = bench.add_subcommand("kernels", "The inner loops on one core, for every kernel variant");
    const auto options = std::make_shared<KernelOptions>();
    command
        ->add_option(
            "--calibrate", options->calibrate,
            "Instead, measure the rates that the cost model predicts times with, by running made-up layers, and "
            "write them to FILE for --machine of compile, explain and bench e2e; takes 1.8 GB")
        ->type_name("FILE");
    add_threads_option(*command, options->threads);
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->callback([options] { run_kernels(*options); });
}

}  // namespace

void add_bench(CLI::App& app) {
    CLI::App* bench = app.add_subcommand("bench", "Measure this machine");
    bench->require_subcommand(1);
    add_kernels(*bench);
    add_whole(*bench);
}

}  // namespace obscura::cli
