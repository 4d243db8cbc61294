#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <sstream>

#include "base/error.hpp"
#include "ckks/parameters.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "cli/text.hpp"
#include "compiler/compile.hpp"
#include "io/whole_file.hpp"
#include "plan/plan_file.hpp"
#include "tensor/machine_file.hpp"

namespace obscura::cli {
namespace {

struct Options {
    std::vector<std::string> models;
    std::string plan;
    std::string calibration;
    int tile = 32;
    std::string classes;
    std::string machine;
    compiler::CompileOptions compile;
    ReportTarget json;
};

/// One name a line.
std::vector<std::string> read_class_names(const std::string& path) {
    constexpr std::uint64_t max_bytes = 1 << 20;
    const std::vector<std::uint8_t> bytes = io::read_whole_file(path, max_bytes);
    std::istringstream lines(std::string(bytes.begin(), bytes.end()));
    std::vector<std::string> names;
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (!line.empty()) names.push_back(line);
    }
    return names;
}

/// "auto" or a number of bits as compiler::CompileOptions wants them, for the option parser.
std::string as_weight_bits(std::string& text) {
    constexpr int least = 2;
    constexpr int most = 20;
    if (text == "auto") {
        text = std::to_string(compiler::fewest_weight_bits);
        return "";
    }
    const bool number = !text.empty() && text.size() < 3 && text.find_first_not_of("0123456789") == std::string::npos;
    if (!number || std::stoi(text) < least || std::stoi(text) > most)
        return fmt::format("{} is neither auto nor a number of bits from {} to {}", text, least, most);
    return "";
}

std::size_t rotation_keys(const plan::Plan& plan) {
    std::size_t count = 0;
    for (const plan::Segment& segment : plan.segments) count += segment.rotation_keys.size();
    return count;
}

/// The rings that layers run in.
std::string rings(const plan::Plan& plan) {
    std::string text;
    for (const plan::Segment& segment : plan.segments) {
        const ckks::Parameters parameters(segment.parameters);
        text += fmt::format("{}N = {}, {} + {} primes, log2(QP) = {:.1f}", text.empty() ? "" : "; then ",
                            parameters.degree(), parameters.levels(), parameters.special_limbs(), parameters.log2_qp());
    }
    return text;
}

Json make_report(const plan::Plan& plan, const ckks::Parameters& parameters) {
    return {{"model", plan.model},
            {"digest", plan.digest()},
            {"layers", plan.layers.size()},
            {"levels", parameters.levels()},
            {"special_primes", parameters.special_limbs()},
            {"ring_degree", parameters.degree()},
            {"log2_qp", parameters.log2_qp()},
            {"security_bits", parameters.security_bits()},
            {"run_length", plan.cell.pixels()},
            {"cell", {plan.cell.height, plan.cell.width}},
            {"batch_capacity", plan.batch()},
            {"segments", plan.segments.size()},
            {"rotation_keys", rotation_keys(plan)},
            {"headroom_bits", plan.calibration_headroom_bits},
            {"predicted_logit_error_rms", plan.predicted_score_error_rms},
            {"predicted_logit_error_max", plan.predicted_score_error_max}};
}

std::string make_text(const Options& options, const plan::Plan& plan, const ckks::Parameters& parameters) {
    const int security = parameters.security_bits();
    return format_table(
        fmt::format("{}: plan of {}", options.plan, plan.model),
        {{"layers", std::to_string(plan.layers.size())},
         {"images a batch", fmt::format("{} (cells of {}x{} pixels)", plan.batch(), plan.cell.height, plan.cell.width)},
         {"ring", rings(plan)},
         {"security", security > 0 ? fmt::format("{} bits", security) : "NONE: insecure test parameters"},
         {"rotation keys", std::to_string(rotation_keys(plan))},
         {"head-room", fmt::format("{:.3g} times ({:.1f} bits)", std::exp2(plan.calibration_headroom_bits),
                                   plan.calibration_headroom_bits)},
         {"predicted logit error", "RMS " + format_error(plan.predicted_score_error_rms)}});
}

void run(Options& options) {
    if (!options.classes.empty()) options.compile.class_names = read_class_names(options.classes);
    if (!options.machine.empty()) options.compile.rates = tensor::load_rates(options.machine);
    const io::Images calibration = io::load_images(options.calibration, options.tile);
    const plan::Plan plan = compiler::compile(options.models, calibration, options.compile);
    plan::save_plan(plan, options.plan);
    const ckks::Parameters parameters(plan.parameters());
    deliver(options.json, make_report(plan, parameters), make_text(options, plan, parameters));
}

}  // namespace

void add_compile(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("compile", "Turn a trained network (ONNX) into a plan that client and server share");
    const auto options = std::make_shared<Options>();
    command
        ->add_option("model", options->models,
                     "The network: an .onnx file whose input is pixels 0..255; of several files, an ensemble that "
                     "gives the mean of their scores")
        ->required()
        ->type_name("MODEL");
    command->add_option("-o,--output", options->plan, "Plan to write")->required()->type_name("PLAN");
    command
        ->add_option("--calibrate", options->calibration,
                     "A few hundred typical images; they decide scales and head-room")
        ->required()
        ->type_name("IMAGES");
    command->add_option("--mosaic", options->tile, "Side of a mosaic's tiles in pixels")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    command
        ->add_option("--batch", options->compile.batch,
                     "Images to expect: chooses the layout that is fastest for them within --memory")
        ->check(CLI::Range(1, 1 << 24))
        ->type_name("B");
    command->add_option("--memory", options->compile.memory_bytes, "Memory of the server process, such as 4G or 900M")
        ->transform(as_bytes())
        ->type_name("BYTES");
    command
        ->add_option("--run-length", options->compile.run_length,
                     "Pixels of a cell, instead of a choice (0): larger cells hold more images at once and need fewer "
                     "rotations")
        ->check(CLI::NonNegativeNumber)
        ->type_name("R");
    command
        ->add_option("--log-scale", options->compile.log_scale,
                     "log2 of the values' usual scale, weights get the other bits of 30: more is less noise of "
                     "encryption, and coarser weights")
        ->check(CLI::Range(10.0, 29.0))
        ->capture_default_str()
        ->type_name("BITS");
    command
        ->add_option("--headroom", options->compile.min_headroom,
                     "Refuse to compile unless every layer carries this many times the largest value of the "
                     "calibration images")
        ->check(CLI::Range(1.0, 1e6))
        ->capture_default_str()
        ->type_name("FACTOR");
    command
        ->add_option(
            "--weight-bits", options->compile.weight_bits,
            "Bits of the weights, down to 2, which make primes smaller; auto: the fewest that keep the classes "
            "of 99% of the calibration images. Default: what primes of 30 bits leave, auto for clustered weights")
        ->transform(CLI::Validator(as_weight_bits, "BITS"))
        ->type_name("BITS|auto");
    command->add_flag("!--no-merging", options->compile.merge_tiles,
                      "Leave tiles idle after strides instead of merging them: fewer keys, slower");
    command->add_option("--classes", options->classes, "Names of the classes, one a line")->type_name("FILE");
    command->add_option("--name", options->compile.model, "Name of the network; else the file's own")
        ->type_name("NAME");
    command
        ->add_option("--log-degree", options->compile.log_degree,
                     "log2 of the ring degree; 0: the smallest that is secure")
        ->check(CLI::Range(0, 17))
        ->type_name("BITS");
    command->add_flag("--insecure-for-tests", options->compile.insecure_for_tests,
                      "Accept a --log-degree below 128 bits; marks the plan and every file made from it");
    add_machine_option(*command, options->machine, "those of a 2.4 GHz Zen 3");
    add_threads_option(*command, options->compile.threads);
    add_json_option(*command, options->json);
    command->callback([options] { run(*options); });
}

}  // namespace obscura::cli
