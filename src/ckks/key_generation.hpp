#pragma once

#include <functional>
#include <string>

#include "ckks/evaluation_key.hpp"
#include "ckks/secret_key.hpp"

/// Making evaluation keys: needs the secret, belongs to the client.
namespace obscura::ckks {

/// Writes the requested keys to a file, limb by limb (memory stays at a few limbs). `progress(done, total)` counts
/// keys. Returns the payload bytes.
std::uint64_t write_evaluation_keys(const Context& context, const SecretKey& secret,
                                    const EvaluationKeyRequest& request, const std::string& plan_digest,
                                    const std::string& path, const std::function<void(int done, int total)>& progress);

}  // namespace obscura::ckks
