#include "compiler/simulate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "compiler/prediction.hpp"
#include "plan/noise.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

double accuracy(const std::vector<int>& classes, const std::vector<std::uint8_t>& labels) {
    if (labels.size() != classes.size()) return NAN;
    double right = 0;
    for (std::size_t i = 0; i < classes.size(); ++i) right += classes[i] == labels[i] ? 1 : 0;
    return right / static_cast<double>(classes.size());
}

}  // namespace

Simulation simulate(const plan::Plan& plan, const io::Images& images, std::uint64_t seed, int threads) {
    const auto start = std::chrono::steady_clock::now();
    ThreadPool pool(threads);
    const plan::PlainNetwork network(plan::real_network(plan));
    const std::vector<float> plain = network.scores(images, pool);
    const std::vector<float> noisy = network.scores(images, pool, plan::noise_hook(plan, seed));
    const std::vector<int> plain_classes = plan::best_classes(plain, network.classes());
    const std::vector<int> noisy_classes = plan::best_classes(noisy, network.classes());

    Simulation result;
    result.images = images.count;
    result.accuracy_plain = accuracy(plain_classes, images.labels);
    result.accuracy_simulated = accuracy(noisy_classes, images.labels);
    for (std::size_t i = 0; i < plain_classes.size(); ++i)
        result.agreement += (plain_classes[i] == noisy_classes[i] ? 1.0 : 0.0) / images.count;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const double error = std::abs(static_cast<double>(noisy[i]) - plain[i]);
        result.score_error_rms += error * error / static_cast<double>(plain.size());
        result.score_error_max = std::max(result.score_error_max, error);
    }
    result.score_error_rms = std::sqrt(result.score_error_rms);
    plan::Plan measured = plan;
    record_peaks(measured, images, pool);
    result.headroom_bits = measured.calibration_headroom_bits;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

std::string to_json(const Simulation& simulation) {
    const nlohmann::json value = {{"images", simulation.images},
                                  {"accuracy_plain", simulation.accuracy_plain},
                                  {"accuracy_simulated", simulation.accuracy_simulated},
                                  {"agreement", simulation.agreement},
                                  {"score_error_rms", simulation.score_error_rms},
                                  {"score_error_max", simulation.score_error_max},
                                  {"headroom_bits", simulation.headroom_bits},
                                  {"seconds", simulation.seconds}};
    return value.dump(2);
}

}  // namespace obscura::compiler
