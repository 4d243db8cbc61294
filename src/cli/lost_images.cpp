#include "cli/lost_images.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace obscura::cli {

std::string lost_ranges(const runtime::Scores& scores, int first) {
    std::string text;
    for (int i = 0; i < scores.images;) {
        int end = i;
        while (end < scores.images && scores.lost[static_cast<std::size_t>(end)]) ++end;
        if (end > i) {
            if (!text.empty()) text += ", ";
            text += end - i == 1 ? fmt::format("{}", first + i) : fmt::format("{} to {}", first + i, first + end - 1);
        }
        i = end + 1;
    }
    return text;
}

void require_none_lost(const runtime::Scores& scores, int first) {
    const std::string lost = lost_ranges(scores, first);
    if (lost.empty()) return;
    throw Error(ErrorCode::range,
                fmt::format("images {}: these scores are noise, larger than the plan can carry. Some image of their "
                            "group drove values out of range, which spoils the whole group; `obscura simulate PLAN "
                            "--stress --images ...` finds it: encrypt the others again without it",
                            lost));
}

}  // namespace obscura::cli
