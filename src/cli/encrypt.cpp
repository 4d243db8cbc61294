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
    ImageChoice images;
    std::string request;
    int threads = 0;
    bool quiet = false;
    ReportTarget json;
};

void run(const Options& options) {
    const StandardOutput use = use_of_standard_output(options.request);
    const plan::Plan plan = plan::load_plan(options.plan);
    const io::Images images = options.images.load();
    const auto start = std::chrono::steady_clock::now();
    TerminalProgress progress("encrypt", options.quiet);
    const runtime::RequestSize size =
        runtime::encrypt(plan, options.secret, images, options.request, options.threads, progress);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const Json report{
        {"images", images.count}, {"groups", size.groups}, {"seconds", seconds}, {"request_bytes", size.bytes}};
    deliver(options.json, report,
            fmt::format("{}: {} encrypted images in {}, {} ({} an image); for the server\n", options.request,
                        images.count, format_count(size.groups, "group"), format_bytes(size.bytes),
                        format_bytes(size.bytes / static_cast<std::uint64_t>(images.count))),
            use);
}

}  // namespace

void add_encrypt(CLI::App& app) {
    CLI::App* command = app.add_subcommand("encrypt", "Client: encrypt images, in groups of as many as the plan takes");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    command->add_option("--secret", options->secret, "The secret key")->required()->type_name("FILE");
    add_image_options(*command, options->images, true);
    command->add_flag("--repeat", options->images.repeat,
                      "Begin again with the first image where --count asks for more than there are (to measure)");
    command->add_option("-o,--output", options->request, "Request to write; - for standard output")
        ->required()
        ->type_name("FILE");
    add_threads_option(*command, options->threads);
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
