#include "cli/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace obscura::cli {

std::string format_bytes(std::uint64_t bytes) {
    constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < std::size(units)) {
        value /= 1000;
        ++unit;
    }
    if (unit == 0) return fmt::format("{} B", bytes);
    return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, units[unit]);
}

std::string format_seconds(double seconds) {
    if (seconds < 9.95) return fmt::format("{:.2g} s", seconds);
    if (seconds < 119.5) return fmt::format("{:.0f} s", seconds);
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole < 7200) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string format_percent(double fraction) {
    return fmt::format("{:.2f}%", 100 * fraction);
}

std::string format_error(double error) {
    if (error <= 0) return "0";
    return fmt::format("{:.2g} (2^{:.1f})", error, std::log2(error));
}

std::string format_count(std::uint64_t count, const std::string& noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string format_table(const std::string& title, const std::vector<std::pair<std::string, std::string>>& rows) {
    std::size_t names = 0;
    std::size_t values = 0;
    for (const auto& [name, value] : rows) {
        names = std::max(names, name.size());
        values = std::max(values, value.size());
    }
    const std::size_t width = std::max(names + 3 + values, title.size());
    std::string text = fmt::format("{}\n{:-<{}}\n", title, "", width);
    for (const auto& [name, value] : rows) text += fmt::format("{:<{}}   {}\n", name, names, value);
    return text;
}

}  // namespace obscura::cli
