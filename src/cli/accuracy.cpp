#include "cli/accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "cli/text.hpp"
#include "plan/reference.hpp"

namespace obscura::cli {
namespace {

/// Null for an error of exactly zero, which has no logarithm.
Json log2_or_null(double error) {
    return error > 0 ? Json(std::log2(error)) : Json();
}

}  // namespace

double hit_rate(std::span<const int> best, std::span<const std::uint8_t> labels) {
    if (best.empty()) return 0;
    std::size_t hits = 0;
    for (std::size_t i = 0; i < best.size(); ++i) hits += best[i] == labels[i];
    return static_cast<double>(hits) / static_cast<double>(best.size());
}

Accuracy measure_accuracy(const plan::Plan& plan, const runtime::Scores& scores, const io::Images& images,
                          std::span<const std::uint8_t> labels, int threads, int distinct) {
    const auto count = static_cast<std::size_t>(scores.images);
    if (images.count < scores.images || (!labels.empty() && labels.size() < count)) {
        throw Error(ErrorCode::usage,
                    fmt::format("the response has {} images, but {} images and {} labels are given to "
                                "compare with; give the same --first and images as to encrypt",
                                scores.images, images.count, labels.size()));
    }
    ThreadPool pool(threads);
    const plan::PlainNetwork network(plan::real_network(plan));
    if (network.classes() != scores.classes) {
        throw Error(ErrorCode::format, fmt::format("the response has {} scores an image, the plan's network {}",
                                                   scores.classes, network.classes()));
    }
    const int run = distinct > 0 ? std::min(distinct, scores.images) : scores.images;
    std::vector<float> expected = network.scores(io::slice(images, 0, run), pool);
    for (std::size_t i = 0; expected.size() < scores.scores.size(); ++i) expected.push_back(expected[i]);

    Accuracy result;
    result.images = scores.images;
    result.lost = static_cast<int>(std::count(scores.lost.begin(), scores.lost.end(), true));
    result.labelled = !labels.empty();
    result.plain = plan::best_classes(expected, network.classes());
    std::vector<int> decrypted(count);
    std::size_t same = 0;
    for (std::size_t i = 0; i < count; ++i) {
        decrypted[i] = scores.best(static_cast<int>(i));
        same += decrypted[i] == result.plain[i];
    }
    result.agreement = static_cast<double>(same) / static_cast<double>(count);
    if (result.labelled) {
        result.accuracy_encrypted = hit_rate(decrypted, labels.first(count));
        result.accuracy_plain = hit_rate(result.plain, labels.first(count));
    }
    double squares = 0;
    std::size_t good = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (scores.lost[i / static_cast<std::size_t>(scores.classes)]) continue;
        ++good;
        const double error = std::abs(scores.scores[i] - static_cast<double>(expected[i]));
        result.logit_error_max = std::max(result.logit_error_max, error);
        squares += error * error;
    }
    result.logit_error_rms = std::sqrt(squares / static_cast<double>(good));
    if (good == 0) result.logit_error_max = result.logit_error_rms = std::numeric_limits<double>::infinity();
    return result;
}

void add_to_report(Json& report, const Accuracy& accuracy) {
    report["images"] = accuracy.images;
    report["images_lost"] = accuracy.lost;
    if (accuracy.labelled) {
        report["accuracy_encrypted"] = accuracy.accuracy_encrypted;
        report["accuracy_plain"] = accuracy.accuracy_plain;
    }
    report["agreement"] = accuracy.agreement;
    report["logit_error_max"] = accuracy.logit_error_max;
    report["logit_error_rms"] = accuracy.logit_error_rms;
    report["logit_error_max_bits"] = log2_or_null(accuracy.logit_error_max);
    report["logit_error_rms_bits"] = log2_or_null(accuracy.logit_error_rms);
}

std::vector<std::pair<std::string, std::string>> table_rows(const Accuracy& accuracy) {
    std::vector<std::pair<std::string, std::string>> rows{{"images", std::to_string(accuracy.images)}};
    if (accuracy.lost > 0) rows.emplace_back("LOST: values left the range", std::to_string(accuracy.lost));
    if (accuracy.labelled) {
        rows.emplace_back("accuracy, encrypted", format_percent(accuracy.accuracy_encrypted));
        rows.emplace_back("accuracy, plain", format_percent(accuracy.accuracy_plain));
    }
    rows.emplace_back("same class as plain", format_percent(accuracy.agreement));
    rows.emplace_back("largest logit error", format_error(accuracy.logit_error_max));
    rows.emplace_back("RMS logit error", format_error(accuracy.logit_error_rms));
    return rows;
}

}  // namespace obscura::cli
