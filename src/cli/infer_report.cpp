#include "cli/infer_report.hpp"

#include <fmt/format.h>

#include "cli/text.hpp"

namespace obscura::cli {

Json infer_json(const runtime::InferenceReport& report, int threads) {
    Json layers = Json::array();
    for (const runtime::LayerReport& layer : report.layers) {
        layers.push_back({{"name", layer.name},
                          {"seconds", layer.seconds},
                          {"relinearise_seconds", layer.relinearise_seconds},
                          {"rotate_seconds", layer.rotate_seconds},
                          {"product_seconds", layer.product_seconds},
                          {"finish_seconds", layer.finish_seconds}});
    }
    return {{"images", report.images},
            {"groups", report.groups},
            {"groups_resumed", report.groups_resumed},
            {"seconds", report.seconds},
            {"load_seconds", report.load_seconds},
            {"threads", threads},
            {"kernels", report.kernels},
            {"peak_limb_bytes", report.peak_limb_bytes},
            {"peak_process_bytes", report.peak_process_bytes},
            {"request_bytes", report.request_bytes},
            {"response_bytes", report.response_bytes},
            {"layers", std::move(layers)}};
}

std::string infer_text(const runtime::InferenceReport& report) {
    constexpr const char* line = "{:<32} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f} {:>9.3f}\n";
    std::string text;
    if (report.groups_resumed > 0)
        text += fmt::format("{} finished by an earlier run and not in these times\n",
                            format_count(static_cast<std::uint64_t>(report.groups_resumed), "group"));
    text += fmt::format("{:<32} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "layer, seconds", "total", "squares", "digits",
                        "products", "division");
    runtime::LayerReport sum;
    for (const runtime::LayerReport& layer : report.layers) {
        text += fmt::format(fmt::runtime(line), layer.name.substr(0, 32), layer.seconds, layer.relinearise_seconds,
                            layer.rotate_seconds, layer.product_seconds, layer.finish_seconds);
        sum.seconds += layer.seconds;
        sum.relinearise_seconds += layer.relinearise_seconds;
        sum.rotate_seconds += layer.rotate_seconds;
        sum.product_seconds += layer.product_seconds;
        sum.finish_seconds += layer.finish_seconds;
    }
    text += fmt::format(fmt::runtime(line), "sum", sum.seconds, sum.relinearise_seconds, sum.rotate_seconds,
                        sum.product_seconds, sum.finish_seconds);
    text += fmt::format("evaluation {}, loading {}, {} kernels, peak {} of which residues {}\n",
                        format_seconds(report.seconds), format_seconds(report.load_seconds), report.kernels,
                        format_bytes(report.peak_process_bytes), format_bytes(report.peak_limb_bytes));
    return text;
}

}  // namespace obscura::cli
