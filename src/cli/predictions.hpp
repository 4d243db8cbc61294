#pragma once

#include <string>

#include "io/images.hpp"
#include "plan/plan.hpp"
#include "runtime/client.hpp"

namespace obscura::cli {

/// Draws the first few dozen images with what they are (where labels are known) and what was decrypted for them, framed
/// green where both are the same and red where not. Throws Error(io).
void write_predictions(const std::string& path, const plan::Plan& plan, const io::Images& images,
                       const runtime::Scores& scores);

}  // namespace obscura::cli
