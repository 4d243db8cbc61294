#pragma once

#include <string>

#include "plan/plan.hpp"
#include "runtime/client.hpp"

/// Decrypted scores as files: CSV (image,class,name,score_0,...) or JSON.
namespace obscura::cli {

/// Text of the file. `decimals` after the point: decrypted scores carry noise, and digits below it are of no use to
/// honest readers. `first` is the number given to the first image. Names come from the plan, if it has any.
std::string scores_csv(const plan::Plan& plan, const runtime::Scores& scores, int first, int decimals);
std::string scores_json(const plan::Plan& plan, const runtime::Scores& scores, int first, int decimals);

/// Reads back what scores_json wrote. Throws Error(io) or Error(format).
runtime::Scores read_scores(const std::string& path);

/// The name of a class, or its number where the plan has no names.
std::string class_name(const plan::Plan& plan, int index);

}  // namespace obscura::cli
