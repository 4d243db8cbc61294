#include "compiler/simulate.hpp"

#include <memory>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/text.hpp"
#include "plan/plan_file.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::string plan;
    ImageChoice images;
    std::uint64_t seed = 1;
    int threads = 0;
    ReportTarget json;
};

void run(const Options& options) {
    const plan::Plan plan = plan::load_plan(options.plan);
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
    rows.emplace_back("headroom", std::to_string(result.headroom_bits).substr(0, 4) + " bits");
    deliver(options.json, Json::parse(compiler::to_json(result)),
            format_table(plan.model + ": simulated encryption noise", rows));
}

}  // namespace

void add_simulate(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "simulate", "Run a plan in the clear with the noise that encryption would add, on a labelled set");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    add_image_options(*command, options->images, true);
    command->add_option("--seed", options->seed, "Seed of the noise")->capture_default_str()->type_name("S");
    add_threads_option(*command, options->threads);
    add_json_option(*command, options->json);
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
