#include "runtime/rate_measurement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ckks/switch_timing.hpp"
#include "ring/primes.hpp"
#include "runtime/executor.hpp"
#include "runtime/group.hpp"
#include "tensor/rate_fit.hpp"

namespace obscura::runtime {
namespace {

constexpr int side = 4;  ///< pixels; a row is a tile
constexpr int limbs = 12;
constexpr int special = 7;
/// Room for blocks of all columns: the measurement is of the engine, not of small memory.
constexpr std::uint64_t memory_bytes = std::uint64_t{1} << 40;

struct Convolution {
    const char* name;
    int channels;
    int reach;  ///< 0: 1x1, without rotations; 1: 3x3
};
/// Different mixtures of rotations, products and packing, so that the rates can be told apart. Rows are many for each
/// output, as in real networks: the model leaves out what an output costs by itself.
constexpr Convolution network[] = {{"3x3 of the input", 16, 1}, {"3x3, wide", 48, 1}, {"1x1, square", 48, 0},
                                   {"1x1, narrow", 16, 0},      {"3x3", 16, 1},       {"head", 10, 0}};
constexpr int input_channels = 16;

plan::Operand convolution(int source, int channels, int outputs, int reach) {
    plan::Operand operand{source, channels, 1, {}, {}};
    for (int dy = -reach; dy <= reach; ++dy)
        for (int dx = -reach; dx <= reach; ++dx) operand.taps.push_back({dy, dx});
    const std::size_t count = static_cast<std::size_t>(outputs * channels) * operand.taps.size();
    for (std::size_t i = 0; i < count; ++i)
        operand.weights.push_back(static_cast<std::int16_t>(static_cast<int>(i * 37 % 511) - 255));
    return operand;
}

plan::Plan made_up_plan(int log_degree) {
    plan::Plan plan;
    plan.model = "measurement";
    const auto primes = ring::ntt_primes(log_degree, limbs + special);
    auto& parameters = plan.segments.front().parameters;
    parameters.log_degree = log_degree;
    parameters.special.assign(primes.begin(), primes.begin() + special);
    parameters.chain.assign(primes.begin() + special, primes.end());
    parameters.digit_limbs = special;
    parameters.insecure_for_tests = true;  // there is no secret
    plan.cell = {1, side};
    plan.input = {input_channels, side, side, std::vector<double>(input_channels, 0.0),
                  std::vector<double>(input_channels, 1.0)};
    int channels = input_channels;
    for (const Convolution& c : network) {
        const int index = static_cast<int>(plan.layers.size());
        plan::Layer layer;
        layer.name = c.name;
        layer.finish = index + 1 == static_cast<int>(std::size(network)) ? plan::Finish::head : plan::Finish::square;
        layer.out_channels = c.channels;
        layer.height = layer.width = side;
        layer.level = limbs - index;
        layer.operands.push_back(convolution(index - 1, channels, c.channels, c.reach));
        layer.bias.assign(static_cast<std::size_t>(c.channels), 0.0);
        layer.output_scale.assign(static_cast<std::size_t>(c.channels), 1.0);
        channels = c.channels;
        plan.layers.push_back(std::move(layer));
    }
    plan.segments.front().relinearisation_level = limbs - 1;
    plan.segments.front().rotation_keys = plan::required_rotations(plan, 0);
    plan::validate(plan);
    return plan;
}

/// Progress within one round as part of all.
class RoundProgress : public Progress {
  public:
    RoundProgress(Progress& all, int round, int rounds) : all_(all), round_(round), rounds_(rounds) {}
    void update(double done, double total, const std::string& what) override {
        all_.update(round_ + done / total, rounds_, what);
    }
    bool cancelled() const override { return all_.cancelled(); }

  private:
    Progress& all_;
    int round_, rounds_;
};

/// The least of every time over the rounds, [layer].
std::vector<tensor::LinearTimes> least_times(const std::vector<std::vector<LayerReport>>& rounds) {
    std::vector<tensor::LinearTimes> times;
    for (std::size_t i = 0; i < rounds.front().size(); ++i) {
        const auto least = [&](double LayerReport::*field) {
            double seconds = rounds.front()[i].*field;
            for (const auto& round : rounds) seconds = std::min(seconds, round[i].*field);
            return seconds;
        };
        times.push_back({least(&LayerReport::relinearise_seconds), least(&LayerReport::rotate_seconds),
                         least(&LayerReport::product_seconds), least(&LayerReport::finish_seconds)});
    }
    return times;
}

}  // namespace

tensor::MachineRates measure_rates(const MeasurementOptions& options, Progress& progress) {
    const plan::Plan plan = made_up_plan(options.log_degree);
    const SegmentContexts contexts(plan);
    const ckks::Context& context = contexts.input();
    ThreadPool threads(options.threads);
    ckks::LimbPool pool(context.degree());
    const ckks::EvaluationKeys keys = ckks::meaningless_keys(context, contexts.key_sections().front().request, pool);
    const auto memory = tensor::plan_memory(plan, memory_bytes, threads.size());
    pool.reserve(memory.peak(), threads);
    std::vector<std::vector<LayerReport>> rounds(static_cast<std::size_t>(options.rounds));
    for (int round = 0; round < options.rounds; ++round) {
        tensor::FeatureMap input;
        input.layout = input_layout(plan);
        input.channels = plan.input.channels;
        const int columns = input.layout.columns();
        input.is_ready.assign(static_cast<std::size_t>(columns), true);
        input.ready.resize(static_cast<std::size_t>(columns * input.channels));
        threads.parallel_for(columns * input.channels, [&](std::int64_t i, int) {
            input.ready[static_cast<std::size_t>(i)] = ckks::make_operand(
                context, ckks::meaningless_ciphertext(context, limbs, static_cast<std::uint64_t>(i), pool));
        });
        RoundProgress part(progress, round, options.rounds);
        execute(plan, contexts, {&keys, 1}, std::move(input), pool, threads, memory, part,
                rounds[static_cast<std::size_t>(round)]);
    }
    return tensor::fit_rates(tensor::layer_work(plan, memory), least_times(rounds), options.log_degree, threads.size());
}

}  // namespace obscura::runtime
