#include <fmt/format.h>

#include <memory>
#include <optional>
#include <thread>

#include "cli/commands.hpp"
#include "cli/infer_report.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"
#include "plan/plan_file.hpp"
#include "runtime/server.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::string plan;
    std::string evaluation;
    std::string request;
    std::string response;
    int threads = 0;
    std::optional<std::uint64_t> memory_bytes;
    bool restart = false;
    bool quiet = false;
    ReportTarget json;
};

/// Nothing here can decrypt: the files are opened as evaluation keys and request, and a secret key in their place is
/// refused by its magic before a byte of it is used.
void run(const Options& options) {
    const StandardOutput use = use_of_standard_output(options.response);
    const plan::Plan plan = plan::load_plan(options.plan);
    runtime::InferenceOptions settings;
    settings.restart = options.restart;
    settings.memory_bytes = options.memory_bytes;
    settings.threads =
        options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    TerminalProgress progress("infer", options.quiet);
    const runtime::InferenceReport report =
        runtime::infer(plan, options.evaluation, options.request, options.response, settings, progress);
    deliver(
        options.json, infer_json(report, settings.threads),
        fmt::format("{}: encrypted scores of {} images in {}, {}; for the client\n{}", options.response, report.images,
                    format_count(report.groups, "group"), format_bytes(report.response_bytes), infer_text(report)),
        use);
}

}  // namespace

void add_infer(CLI::App& app) {
    CLI::App* command = app.add_subcommand("infer", "Server: run the network on encrypted images; takes no secret key");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    command->add_option("--evaluation", options->evaluation, "The client's evaluation keys")
        ->required()
        ->type_name("FILE");
    command->add_option("--request", options->request, "The client's encrypted images; - for standard input")
        ->required()
        ->type_name("FILE");
    command->add_option("-o,--output", options->response, "Response to write; - for standard output")
        ->required()
        ->type_name("FILE");
    command
        ->add_option("--memory", options->memory_bytes,
                     "Memory to stay within, such as 4G or 900M, instead of what the plan was compiled for: less takes "
                     "longer")
        ->transform(as_bytes())
        ->type_name("BYTES");
    command->add_flag("--restart", options->restart,
                      "Discard what an interrupted run has left in FILE.partial, and begin again");
    add_threads_option(*command, options->threads);
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->footer(
        "Groups of images are evaluated as they arrive, and each result is written at once. A run that was stopped or\n"
        "killed leaves finished groups in FILE.partial; the same command goes on after them.");
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
