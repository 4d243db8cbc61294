#pragma once

#include <string>

#include "runtime/client.hpp"

/// Images whose scores are noise, as values wrapped in their group.
namespace obscura::cli {

/// "0 to 511, 1024": their numbers, the first image being number `first`; empty if none is lost.
std::string lost_ranges(const runtime::Scores& scores, int first);

/// Throws Error(range) that names them, and says what to do, if there are any. To be called when everything is
/// written: the other groups' scores are good.
void require_none_lost(const runtime::Scores& scores, int first);

}  // namespace obscura::cli
