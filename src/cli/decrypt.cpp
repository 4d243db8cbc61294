#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "ckks/parameters.hpp"
#include "cli/accuracy.hpp"
#include "cli/commands.hpp"
#include "cli/lost_images.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/scores_file.hpp"
#include "cli/terminal.hpp"
#include "cli/text.hpp"
#include "io/whole_file.hpp"
#include "plan/plan_file.hpp"
#include "runtime/client.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::string plan;
    std::string secret;
    std::string response;
    std::string request;
    std::string output;
    int decimals = 4;
    ImageChoice images;
    int threads = 0;
    bool accept_lost = false;
    bool quiet = false;
    ReportTarget json;
};

/// What can be told without the images: how often each class was found, and how often it is right.
std::string summary(const plan::Plan& plan, const runtime::Scores& scores) {
    std::vector<int> found(static_cast<std::size_t>(scores.classes));
    for (int i = 0; i < scores.images; ++i)
        if (const int best = scores.best(i); best >= 0) ++found[static_cast<std::size_t>(best)];
    std::string text = fmt::format("{} images:", scores.images);
    for (int c = 0; c < scores.classes; ++c) {
        const int count = found[static_cast<std::size_t>(c)];
        if (count > 0) text += fmt::format(" {} {}", count, class_name(plan, c));
    }
    if (const auto lost = std::count(scores.lost.begin(), scores.lost.end(), true))
        text += fmt::format(" {} lost", lost);
    return text + "\n";
}

void write_scores(const Options& options, const plan::Plan& plan, const runtime::Scores& scores) {
    const std::string kind = io::extension(options.output);
    if (kind != ".csv" && kind != ".json") {
        throw Error(ErrorCode::usage, options.output + ": scores are written as .csv or .json");
    }
    io::write_whole_file(options.output, kind == ".csv"
                                             ? scores_csv(plan, scores, options.images.first, options.decimals)
                                             : scores_json(plan, scores, options.images.first, options.decimals));
}

void run(const Options& options) {
    const plan::Plan plan = plan::load_plan(options.plan);
    const runtime::Scores scores = [&] {
        TerminalProgress progress("decrypt", options.quiet);
        runtime::ResponsePaths paths{options.response, {}};
        if (!options.request.empty()) paths.request = options.request;
        return runtime::decrypt(plan, options.secret, paths, progress);
    }();
    if (!options.output.empty()) write_scores(options, plan, scores);

    const ckks::Parameters parameters(plan.parameters());
    Json report{{"model", plan.model},
                {"images", scores.images},
                {"images_lost", std::count(scores.lost.begin(), scores.lost.end(), true)}};
    std::string text = summary(plan, scores);
    if (!options.images.path.empty()) {
        const io::Images images = options.images.load();
        const Accuracy accuracy = measure_accuracy(plan, scores, images, images.labels, options.threads);
        add_to_report(report, accuracy);
        text += format_table("against the network in the clear", table_rows(accuracy));
    } else if (!options.images.labels.empty()) {
        const std::vector<std::uint8_t> labels = io::load_labels(options.images.labels);
        const auto first = static_cast<std::size_t>(options.images.first);
        const auto count = static_cast<std::size_t>(scores.images);
        if (labels.size() < count || first > labels.size() - count) {
            throw Error(ErrorCode::usage, fmt::format("{}: {} labels, but images {} to {} were decrypted",
                                                      options.images.labels, labels.size(), first, first + count - 1));
        }
        std::vector<int> best;
        for (int i = 0; i < scores.images; ++i) best.push_back(scores.best(i));
        const double accuracy = hit_rate(best, std::span(labels).subspan(first, count));
        report["accuracy_encrypted"] = accuracy;
        text += fmt::format("accuracy: {}\n", format_percent(accuracy));
    }
    report["ring_degree"] = parameters.degree();
    report["log2_qp"] = parameters.log2_qp();
    report["security_bits"] = parameters.security_bits();
    deliver(options.json, report, text);
    if (!options.accept_lost) require_none_lost(scores, options.images.first);
}

}  // namespace

void add_decrypt(CLI::App& app) {
    CLI::App* command = app.add_subcommand("decrypt", "Client: decrypt a response into classes and scores");
    const auto options = std::make_shared<Options>();
    command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
    command->add_option("--secret", options->secret, "The secret key")->required()->type_name("FILE");
    command->add_option("--response", options->response, "The server's response; - for standard input")
        ->required()
        ->type_name("FILE");
    command
        ->add_option("--request", options->request,
                     "The request that was sent: refuse a response that answers another one, or a changed one")
        ->type_name("FILE");
    command->add_option("-o,--output", options->output, "Classes and scores, as .csv or .json")->type_name("FILE");
    command->add_option("--digits", options->decimals, "Decimals of the scores")
        ->check(CLI::Range(0, 15))
        ->capture_default_str();
    command->add_flag("--accept-lost", options->accept_lost,
                      "Status 0 also where values left the range; such images are marked as lost all the same");
    add_image_options(*command, options->images, false);
    add_threads_option(*command, options->threads);
    add_quiet_option(*command, options->quiet);
    add_json_option(*command, options->json);
    command->footer(
        "With --labels it reports the accuracy; with --images as well (the images that were encrypted) it also runs\n"
        "the network in the clear and reports agreement and logit errors.\n"
        "Never send decrypted scores back to the server: they carry noise that depends on the secret key.");
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
