#include "compiler/simulate.hpp"

#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"
#include "compiler/stress.hpp"
#include "plan/plan_file.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::string plan;
    ImageChoice images;
    bool stress = false;
    compiler::StressOptions stressing;
    std::uint64_t seed = 1;
    int threads = 0;
    bool quiet = false;
    ReportTarget json;
};

void run_stress(const Options& options, const plan::Plan& plan) {
    const io::Images real = options.images.path.empty() ? io::Images{} : options.images.load();
    compiler::StressOptions settings = options.stressing;
    settings.seed = options.seed;
    settings.threads = options.threads;
    const compiler::StressReport report = [&] {
        TerminalProgress progress("stress", options.quiet);
        return compiler::stress(plan, real, settings, progress);
    }();
    deliver(options.json, Json::parse(compiler::to_json(report)), compiler::to_text(report));
}

void run(const Options& options) {
    const plan::Plan plan = plan::load_plan(options.plan);
    if (options.stress) return run_stress(options, plan);
    if (options.images.path.empty())
        throw Error(ErrorCode::usage, "give images with --images, or --stress to run on made-up ones");
    const io::Images images = options.images.load();
    const compiler::Simulation result = compiler::simulate(plan, images, options.seed, options.threads);
    std::vector<std::pair<std::string, std::string>> rows{{"images", std::to_string(result.images)}};
    if (!images.labels.empty()) {
        rows.emplace_back("accuracy, plain", format_percent(result.accuracy_plain));
        rows.emplace_back("accuracy, simulated", format_percent(result.accuracy_simulated));
    }
    rows.emplace_back("same class in both", format_percent(result.agreement));
    rows.emplace_back("largest logit error", format_error(result.score_error_max));
    rows.emplace_back("RMS logit error", format_error(result.score_error_rms));
    rows.emplace_back("head-room",
                      fmt::format("{:.3g} times ({:.1f} bits)", std::exp2(result.headroom_bits), result.headroom_bits));
    deliver(options.json, Json::parse(compiler::to_json(result)),
            format_table(plan.model + ": simulated encryption noise", rows));
}

}  // namespace

void add_simulate(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "simulate",
        "Run a plan in the clear with the noise that encryption would add, on a labelled set; or --stress its range");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    add_image_options(*command, options->images, false);
    command->add_flag(
        "--stress", options->stress,
        "Instead, measure how much of the range that the plan carries these images use, and others made to "
        "leave it: saturated, constant, noise, blocks, and sought by gradient ascent");
    command->add_option("--stress-images", options->stressing.count, "Images of each kind that --stress makes up")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str()
        ->type_name("M");
    command
        ->add_option("--adversarial", options->stressing.adversarial,
                     "Images that --stress seeks by gradient ascent; the slow part")
        ->check(CLI::Range(0, 100'000))
        ->capture_default_str()
        ->type_name("M");
    command->add_option("--seed", options->seed, "Seed of the noise, or of the stress images")
        ->capture_default_str()
        ->type_name("S");
    add_threads_option(*command, options->threads);
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
