#include "compiler/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "plan/plan_file.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::string plan;
    std::string machine;
    int threads = 0;
    ReportTarget json;
};

void run(const Options& options) {
    const plan::Plan plan = plan::load_plan(options.plan);
    // without a file, the threads are those that infer would take here
    const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    const int threads = options.threads == 0 && options.machine.empty() ? cores : options.threads;
    const auto [rates, machine] = machine_rates(options.machine, threads);
    const compiler::Explanation explanation = compiler::explain(plan, rates);
    Json report = Json::parse(compiler::to_json(explanation));
    report["rates"] = machine;
    deliver(options.json, report,
            compiler::to_text(explanation) +
                fmt::format("\nseconds: by the rates of {}; of the layouts weighed, by those it was compiled for\n",
                            machine));
}

}  // namespace

void add_explain(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "explain", "What a plan will take: levels, noise, rotations, seconds, memory, bytes, per layer");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    add_machine_option(*command, options->machine, "usual ones with the kernels that run here");
    add_threads_option(*command, options->threads);
    add_json_option(*command, options->json);
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
