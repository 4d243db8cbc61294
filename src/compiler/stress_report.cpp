#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "compiler/stress.hpp"

/// How the results of stress images are written down.
namespace obscura::compiler {
namespace {

std::string percent(double use) {
    if (!std::isfinite(use)) return "overflows";
    return use < 10 ? fmt::format("{:.3g}%", 100 * use) : fmt::format("{:.1e}%", 100 * use);
}

/// What the counts mean for whoever runs the plan.
std::string verdict(const StressReport& report) {
    double worst = 0;
    std::size_t beyond = 0;
    std::string numbers;
    for (const StressResult& family : report.families) {
        worst = std::max(worst, family.worst_use);
        beyond += family.beyond.size();
        if (family.family == "real" && !family.beyond.empty())
            numbers =
                fmt::format("Of the given images, counted from 0: {}. Leave them out, or in a group of their own.\n",
                            fmt::join(family.beyond, ", "));
    }
    const std::string group = fmt::format(
        "coefficients mix all images of a group, so one image that wraps spoils its whole group of up to {} images",
        report.group_images);
    if (beyond == 0)
        return fmt::format(
            "No image goes beyond; the worst leaves a head-room of {:.3g} times. Beyond 100%, values may "
            "wrap:\n{}.\n",
            1 / worst, group);
    return fmt::format(
        "{} of these images may wrap:\n{}.\n{}Do not put images from people who do not trust each other "
        "into one group.\n",
        beyond, group, numbers);
}

}  // namespace

std::string to_text(const StressReport& report) {
    std::string text =
        fmt::format("{}: largest value of an image, of what the plan is certain to carry\n", report.model);
    const std::string header = fmt::format("{:<22} {:>7} {:>10} {:>10} {:>7}   {}\n", "images", "number", "median",
                                           "worst", "beyond", "worst in layer");
    text += header;
    for (const StressResult& family : report.families)
        text += fmt::format("{:<22} {:>7} {:>10} {:>10} {:>7}   {}\n", family.family, family.images,
                            percent(family.median_use), percent(family.worst_use), family.beyond.size(),
                            family.worst_layer);
    return text + verdict(report);
}

std::string to_json(const StressReport& report) {
    nlohmann::ordered_json families = nlohmann::ordered_json::array();
    for (const StressResult& family : report.families)
        families.push_back({{"family", family.family},
                            {"images", family.images},
                            {"median_use", family.median_use},
                            {"worst_use", family.worst_use},
                            {"beyond", family.beyond.size()},
                            {"beyond_images", family.beyond},
                            {"worst_layer", family.worst_layer}});
    const nlohmann::ordered_json value = {{"model", report.model},
                                          {"group_images", report.group_images},
                                          {"families", families},
                                          {"seconds", report.seconds}};
    return value.dump(2);
}

}  // namespace obscura::compiler
