#pragma once

#include <string>

#include "ckks/context.hpp"
#include "io/container.hpp"

namespace obscura::ckks {

/// Header of a file that belongs to a parameter set and a plan; `plan_digest` has 32 bytes.
io::FileHeader file_header(const Context& context, io::FileKind kind, const std::string& plan_digest,
                           std::uint64_t payload_bytes);

/// Throws Error(format) if the file was made for other parameters or another plan.
void check_header(const io::FileReader& in, const Context& context, const std::string& plan_digest);

}  // namespace obscura::ckks
