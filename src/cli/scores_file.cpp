#include "cli/scores_file.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "cli/report.hpp"

namespace obscura::cli {
namespace {

double rounded(double value, int decimals) {
    const double unit = std::pow(10.0, decimals);
    return std::round(value * unit) / unit;
}

std::span<const double> row(const runtime::Scores& scores, int image) {
    return std::span(scores.scores).subspan(static_cast<std::size_t>(image) * scores.classes, scores.classes);
}

}  // namespace

std::string class_name(const plan::Plan& plan, int index) {
    if (index < 0) return "lost";
    const auto i = static_cast<std::size_t>(index);
    return i < plan.class_names.size() ? plan.class_names[i] : std::to_string(index);
}

std::string scores_csv(const plan::Plan& plan, const runtime::Scores& scores, int first, int decimals) {
    std::string text = "image,class,name";
    for (int c = 0; c < scores.classes; ++c) text += fmt::format(",score_{}", c);
    text += '\n';
    for (int image = 0; image < scores.images; ++image) {
        const int best = scores.best(image);
        text += fmt::format("{},{},{}", first + image, best, class_name(plan, best));
        for (const double score : row(scores, image)) text += fmt::format(",{:.{}f}", score, decimals);
        text += '\n';
    }
    return text;
}

std::string scores_json(const plan::Plan& plan, const runtime::Scores& scores, int first, int decimals) {
    Json images = Json::array();
    for (int image = 0; image < scores.images; ++image) {
        const int best = scores.best(image);
        Json values = Json::array();
        for (const double score : row(scores, image)) values.push_back(rounded(score, decimals));
        images.push_back({{"image", first + image},
                          {"class", best},
                          {"name", class_name(plan, best)},
                          {"scores", std::move(values)}});
    }
    const Json document{
        {"model", plan.model}, {"plan", plan.digest()}, {"classes", scores.classes}, {"images", std::move(images)}};
    return document.dump() + "\n";
}

runtime::Scores read_scores(const std::string& path) {
    const Json document = read_json(path);
    try {
        runtime::Scores scores;
        scores.classes = document.at("classes").get<int>();
        for (const Json& image : document.at("images")) {
            const auto values = image.at("scores").get<std::vector<double>>();
            if (values.size() != static_cast<std::size_t>(scores.classes)) {
                throw Error(ErrorCode::format,
                            fmt::format("{}: an image has {} scores, not {}", path, values.size(), scores.classes));
            }
            scores.scores.insert(scores.scores.end(), values.begin(), values.end());
            scores.lost.push_back(image.at("class").get<int>() < 0);
            ++scores.images;
        }
        return scores;
    } catch (const Json::exception& problem) {
        throw Error(ErrorCode::format, fmt::format("{}: not a file of scores: {}", path, problem.what()));
    }
}

}  // namespace obscura::cli
