#include "cli/bundled.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.hpp"
#include "cli/child_process.hpp"

namespace obscura::cli {

std::string or_bundled(const std::string& given, const std::string& bundled) {
    namespace fs = std::filesystem;
    if (!given.empty()) return given;
    const fs::path program = fs::path(own_executable()).parent_path();
    for (const fs::path& base :
         {fs::path("."), program, program.parent_path(), program.parent_path() / "share/obscura"}) {
        std::error_code ignored;
        if (fs::exists(base / bundled, ignored)) return (base / bundled).lexically_normal().string();
    }
    throw Error(ErrorCode::io,
                fmt::format("{} was not found here or near the program; run this in the repository's folder, or name "
                            "the files with --model, --images and --calibrate",
                            bundled));
}

}  // namespace obscura::cli
