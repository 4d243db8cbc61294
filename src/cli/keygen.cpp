#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"
#include "plan/plan_file.hpp"
#include "runtime/client.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::string plan;
    std::string secret;
    std::string evaluation;
    bool overwrite = false;
    bool quiet = false;
    ReportTarget json;
};

void run(const Options& options) {
    const plan::Plan plan = plan::load_plan(options.plan);
    const auto start = std::chrono::steady_clock::now();
    TerminalProgress progress("keygen", options.quiet);
    const runtime::KeySizes sizes =
        runtime::generate_keys(plan, options.secret, options.evaluation, options.overwrite, progress);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const Json report{
        {"seconds", seconds}, {"secret_key_bytes", sizes.secret_bytes}, {"key_bytes", sizes.evaluation_bytes}};
    deliver(options.json, report,
            fmt::format("{}: secret key, {}; keep it, show it to nobody\n"
                        "{}: evaluation keys, {}; for the server\n",
                        options.secret, format_bytes(sizes.secret_bytes), options.evaluation,
                        format_bytes(sizes.evaluation_bytes)));
}

}  // namespace

void add_keygen(CLI::App& app) {
    CLI::App* command = app.add_subcommand("keygen", "Client: make a secret key and the evaluation keys a plan needs");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    command->add_option("--secret", options->secret, "Secret key to write (permission 0600)")
        ->required()
        ->type_name("FILE");
    command->add_option("--evaluation", options->evaluation, "Evaluation keys to write")->required()->type_name("FILE");
    command->add_flag("--overwrite", options->overwrite,
                      "Replace existing keys; what was encrypted under them is lost");
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
