#include "cli/end_to_end.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/error.hpp"
#include "ckks/parameters.hpp"
#include "cli/child_process.hpp"
#include "cli/options.hpp"
#include "cli/scores_file.hpp"
#include "cli/text.hpp"
#include "compiler/explain.hpp"
#include "io/whole_file.hpp"
#include "plan/plan_file.hpp"

namespace obscura::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* plan_name = "network.plan";
constexpr const char* keys_name = "evaluation.keys";
constexpr const char* request_name = "request.ct";
constexpr const char* response_name = "response.ct";
constexpr const char* server_report_name = "report.json";
constexpr const char* secret_name = "secret.key";
constexpr const char* scores_name = "scores.json";

/// One run of the server process and what it reported itself.
struct ServerRun {
    ChildResult process;
    Json report;
};

struct Steps {
    ChildResult keygen;
    ChildResult encrypt;
    std::vector<ServerRun> infer;  ///< from the fastest to the slowest
    ChildResult decrypt;

    /// Of an even number, the slower one of the middle.
    const ServerRun& median() const { return infer[infer.size() / 2]; }
    std::uint64_t server_peak() const {
        std::uint64_t peak = 0;
        for (const ServerRun& run : infer) peak = std::max(peak, run.process.peak_bytes);
        return peak;
    }

    std::uint64_t client_peak() const { return std::max({keygen.peak_bytes, encrypt.peak_bytes, decrypt.peak_bytes}); }
};

std::string absolute(const std::string& path) {
    return fs::absolute(path).string();
}

/// Runs one step and says what it did.
ChildResult step(const std::string& what, const std::vector<std::string>& arguments, const fs::path& folder,
                 bool quiet) {
    const ChildResult result = run_self(arguments, folder.string());
    if (!quiet) {
        fmt::print("{:<46} {:>10}   peak {}\n", what, format_seconds(result.seconds), format_bytes(result.peak_bytes));
        std::fflush(stdout);
    }
    return result;
}

void make_plan(const EndToEndOptions& options, const fs::path& server, bool quiet) {
    const std::string target = (server / plan_name).string();
    if (io::extension(options.model) == ".plan") {
        fs::copy_file(options.model, target, fs::copy_options::overwrite_existing);
        return;
    }
    std::vector<std::string> arguments{"compile", absolute(options.model), "-o",
                                       target,    "--calibrate",           absolute(options.calibration)};
    if (options.count > 0) arguments.insert(arguments.end(), {"--batch", std::to_string(options.count)});
    if (!options.machine.empty()) arguments.insert(arguments.end(), {"--machine", absolute(options.machine)});
    if (!options.memory.empty()) arguments.insert(arguments.end(), {"--memory", options.memory});
    if (options.run_length > 0) arguments.insert(arguments.end(), {"--run-length", std::to_string(options.run_length)});
    if (!options.classes.empty()) arguments.insert(arguments.end(), {"--classes", absolute(options.classes)});
    step("compile the network into a plan", arguments, server, quiet);
}

/// Runs the server again and again, with nothing in between.
std::vector<ServerRun> run_server(const EndToEndOptions& options, const fs::path& server, bool quiet) {
    const std::vector<std::string> arguments{"infer",
                                             plan_name,
                                             "--evaluation",
                                             keys_name,
                                             "--request",
                                             request_name,
                                             "-o",
                                             response_name,
                                             "--restart",
                                             "--threads",
                                             std::to_string(options.threads),
                                             "--json",
                                             server_report_name};
    std::vector<ServerRun> runs;
    for (int i = 1; i <= options.runs; ++i) {
        const std::string which = options.runs > 1 ? fmt::format(", run {} of {}", i, options.runs) : "";
        const ChildResult process = step("server: run the network on ciphertexts" + which, arguments, server, quiet);
        runs.push_back({process, read_json((server / server_report_name).string())});
    }
    std::sort(runs.begin(), runs.end(),
              [](const ServerRun& a, const ServerRun& b) { return a.process.seconds < b.process.seconds; });
    return runs;
}

/// Images that are compared later, and the same as for the encrypting process to read.
void choose_images(const EndToEndOptions& options, EndToEndResult& result) {
    const io::Images images = ImageChoice{options.images, options.labels, options.tile}.load();
    const int count = options.count > 0 ? options.count : std::min(images.count, result.plan.batch());
    result.distinct = std::min(count, images.count);
    result.images = io::repeat(images, 0, count);
}

std::uint64_t size_of(const fs::path& path) {
    return static_cast<std::uint64_t>(fs::file_size(path));
}

Json make_report(const EndToEndResult& result, const std::string& machine, const Steps& steps, const fs::path& client,
                 const fs::path& server) {
    const ckks::Parameters parameters(result.plan.parameters());
    const auto& [infer, server_report] = steps.median();
    Json report;
    report["model"] = result.plan.model;
    add_to_report(report, result.accuracy);
    report["distinct_images"] = result.distinct;
    report["groups"] = server_report.at("groups");
    report["seconds_total"] = infer.seconds;
    report["seconds_per_image"] = infer.seconds / result.accuracy.images;
    report["threads"] = server_report.at("threads");
    report["server_peak_bytes"] = steps.server_peak();
    report["client_peak_bytes"] = steps.client_peak();
    report["key_bytes"] = size_of(server / keys_name);
    report["request_bytes"] = size_of(server / request_name);
    report["response_bytes"] = size_of(server / response_name);
    report["secret_key_bytes"] = size_of(client / secret_name);
    report["ring_degree"] = parameters.degree();
    report["log2_qp"] = parameters.log2_qp();
    report["security_bits"] = parameters.security_bits();
    report["batch_capacity"] = result.plan.batch();
    report["seconds"] = {{"keygen", steps.keygen.seconds},
                         {"encrypt", steps.encrypt.seconds},
                         {"infer", infer.seconds},
                         {"decrypt", steps.decrypt.seconds}};
    const auto [rates, whose] = machine_rates(machine, report.at("threads").get<int>());
    const compiler::Explanation promised = compiler::explain(result.plan, rates);
    report["predicted_by"] = whose;
    report["predicted_seconds"] = promised.seconds * server_report.at("groups").get<int>();
    report["predicted_server_bytes"] = promised.server_bytes + tensor::process_bytes;
    report["server"] = server_report;
    for (const ServerRun& run : steps.infer)
        report["server_runs"].push_back({{"seconds_total", run.process.seconds},
                                         {"seconds", run.report.at("seconds")},
                                         {"load_seconds", run.report.at("load_seconds")},
                                         {"peak_bytes", run.process.peak_bytes}});
    return report;
}

std::string make_table(const Json& report, const Accuracy& accuracy) {
    const auto bytes = [&](const char* field) { return format_bytes(report.at(field).get<std::uint64_t>()); };
    const auto seconds = [&](const char* field) {
        return format_seconds(report.at("seconds").at(field).get<double>());
    };
    std::vector<std::pair<std::string, std::string>> rows = table_rows(accuracy);
    if (const int distinct = report.at("distinct_images").get<int>(); distinct < accuracy.images)
        rows.emplace_back("of which different", std::to_string(distinct));
    rows.emplace_back("server time, loading included",
                      fmt::format("{}, {:.4f} s an image, {} threads", seconds("infer"),
                                  report.at("seconds_per_image").get<double>(), report.at("threads").get<int>()));
    if (const Json& runs = report.at("server_runs"); runs.size() > 1)
        rows.emplace_back("", fmt::format("the median of {} runs, {} to {}", runs.size(),
                                          format_seconds(runs.front().at("seconds_total").get<double>()),
                                          format_seconds(runs.back().at("seconds_total").get<double>())));
    rows.emplace_back("client time", fmt::format("keys {}, encrypt {}, decrypt {}", seconds("keygen"),
                                                 seconds("encrypt"), seconds("decrypt")));
    rows.emplace_back("peak memory",
                      fmt::format("server {}, client {}", bytes("server_peak_bytes"), bytes("client_peak_bytes")));
    rows.emplace_back("the plan had said", fmt::format("evaluation {} by the rates of {} (took {}), server memory {}",
                                                       format_seconds(report.at("predicted_seconds").get<double>()),
                                                       report.at("predicted_by").get<std::string>(),
                                                       format_seconds(report.at("server").at("seconds").get<double>()),
                                                       bytes("predicted_server_bytes")));
    rows.emplace_back("sent once: evaluation keys", bytes("key_bytes"));
    rows.emplace_back("sent for these images",
                      fmt::format("request {}, response {}, in {}", bytes("request_bytes"), bytes("response_bytes"),
                                  format_count(report.at("groups").get<std::uint64_t>(), "group")));
    rows.emplace_back("ring", fmt::format("N = {}, log2(QP) = {:.1f}", report.at("ring_degree").get<int>(),
                                          report.at("log2_qp").get<double>()));
    const int security = report.at("security_bits").get<int>();
    rows.emplace_back("security", security > 0 ? fmt::format("{} bits", security) : "NONE: insecure test parameters");
    return format_table(fmt::format("{}: {} encrypted images", report.at("model").get<std::string>(), accuracy.images),
                        rows);
}

}  // namespace

EndToEndResult run_end_to_end(const EndToEndOptions& options, bool quiet) {
    const fs::path folder = absolute(options.folder);
    const fs::path client = folder / "client";
    const fs::path server = folder / "server";
    fs::create_directories(client);
    fs::create_directories(server);
    const std::string plan_path = (server / plan_name).string();
    const std::string threads = std::to_string(options.threads);

    EndToEndResult result;
    make_plan(options, server, quiet);
    result.plan = plan::load_plan(plan_path);
    choose_images(options, result);
    const std::string count = std::to_string(result.images.count);

    Steps steps;
    steps.keygen = step(
        "client: make keys",
        {"keygen", plan_path, "--secret", secret_name, "--evaluation", (server / keys_name).string(), "--overwrite"},
        client, quiet);
    steps.encrypt = step(fmt::format("client: encrypt {} images", count),
                         {"encrypt", plan_path, "--secret", secret_name, "--images", absolute(options.images),
                          "--mosaic", std::to_string(options.tile), "--count", count, "--repeat", "-o",
                          (server / request_name).string(), "--threads", threads},
                         client, quiet);
    steps.infer = run_server(options, server, quiet);
    // All digits: the scores are compared with the plain network's here, on the client's side. Whoever asked for the
    // run tells of lost images, when everything is written.
    steps.decrypt = step("client: decrypt the scores",
                         {"decrypt", plan_path, "--secret", secret_name, "--response",
                          (server / response_name).string(), "-o", scores_name, "--digits", "12", "--accept-lost"},
                         client, quiet);

    result.scores = read_scores((client / scores_name).string());
    result.accuracy = measure_accuracy(result.plan, result.scores, result.images, result.images.labels, options.threads,
                                       result.distinct);
    result.report = make_report(result, options.machine, steps, client, server);
    result.table = make_table(result.report, result.accuracy);
    return result;
}

}  // namespace obscura::cli
