#include "compiler/stress.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.hpp"
#include "compiler/adversary.hpp"
#include "compiler/calibration.hpp"
#include "compiler/stress_images.hpp"
#include "compiler/value_range.hpp"
#include "plan/carried_range.hpp"

namespace obscura::compiler {
namespace {

/// Use of one image, and the layer that it is of.
struct Use {
    double value = 0;
    std::size_t layer = 0;
};

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

StressResult measure(const plan::Plan& plan, const plan::PlainNetwork& network, const std::string& family,
                     const io::Images& images, ThreadPool& pool) {
    StressResult result;
    result.family = family;
    result.images = images.count;
    std::vector<double> uses;
    Use worst;
    for (const std::vector<double>& peaks : image_peaks(plan, network, images, pool)) {
        Use use;
        for (std::size_t i = 0; i < peaks.size(); ++i) {
            const double value = std::exp2(std::log2(peaks[i]) - plan::limit_bits(plan, plan.layers[i]));
            if (value > use.value) use = {value, i};
        }
        uses.push_back(use.value);
        if (use.value > worst.value) worst = use;
        if (use.value > 1) result.beyond.push_back(static_cast<int>(uses.size()) - 1);
    }
    result.median_use = median(std::move(uses));
    result.worst_use = worst.value;
    result.worst_layer = plan.layers[worst.layer].name;
    return result;
}

/// What the search for bad images begins with.
const io::Images& starting_points(const std::vector<StressFamily>& families) {
    const auto named = [&](const char* name) {
        return std::find_if(families.begin(), families.end(), [&](const auto& f) { return f.name == name; });
    };
    const auto real = named("real");
    return real != families.end() ? real->images : named("gaussian noise")->images;
}

}  // namespace

StressReport stress(const plan::Plan& plan, const io::Images& real, const StressOptions& options, Progress& progress) {
    const auto start = std::chrono::steady_clock::now();
    ThreadPool pool(options.threads);
    const plan::PlainNetwork network(plan::real_network(plan));
    std::vector<StressFamily> families = stress_families(plan.input, real, options.count, options.seed);
    if (options.adversarial > 0)
        families.push_back(
            {"gradient-maximised",
             worst_images(plan, first_images(starting_points(families), options.adversarial), pool, progress)});
    StressReport report;
    report.model = plan.model;
    report.group_images = plan.batch();
    for (const StressFamily& family : families) {
        if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
        progress.update(static_cast<double>(report.families.size()), static_cast<double>(families.size()), family.name);
        report.families.push_back(measure(plan, network, family.name, family.images, pool));
    }
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace obscura::compiler
