#pragma once

#include <functional>
#include <string>

#include "ckks/evaluation_key.hpp"
#include "ckks/secret_key.hpp"

/// Making evaluation keys: needs the secret, belongs to the client.
namespace obscura::ckks {

/// The secrets of a section: its keys switch from images of `from`, under automorphisms, to `to`. They differ where
/// rings are switched, and are of the section's degree both.
struct SectionSecrets {
    const SecretKey* from = nullptr;
    const SecretKey* to = nullptr;
};

/// Writes the requested keys to a file, limb by limb (memory stays at a few limbs). `secrets`: [section]. The keys bear
/// the id of the first one. `progress(done, total)` counts keys. Returns the payload bytes.
std::uint64_t write_evaluation_keys(std::span<const KeySection> sections, std::span<const SectionSecrets> secrets,
                                    const std::string& plan_digest, const std::string& path,
                                    const std::function<void(int done, int total)>& progress);

}  // namespace obscura::ckks
