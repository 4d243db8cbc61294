#pragma once

#include <string>

#include "ckks/ciphertext.hpp"
#include "ckks/evaluation_key.hpp"
#include "plan/layout.hpp"
#include "plan/plan.hpp"
#include "tensor/feature_map.hpp"

/// Requests and responses, and what both sides derive from a plan.
///
/// Request payload: key id (8), images (4), ciphertexts (4), seed (32), then c0 of every ciphertext (column by column,
/// channels inside), limbs in order, packed at 30 bits. c1 is expanded from the seed. Response payload: key id (8),
/// images (4), scores (4), limbs (4), then c0 and c1 of every score.
namespace obscura::runtime {

/// The plan's digest as the 32 bytes that file headers carry.
std::string digest_bytes(const plan::Plan& plan);

ckks::EvaluationKeyRequest evaluation_key_request(const plan::Plan& plan);

/// Limbs a fresh ciphertext has: the level of the first layer.
int input_level(const plan::Plan& plan);

std::uint64_t request_payload_bytes(const plan::Plan& plan, const ckks::Context& context);

struct Request {
    std::uint64_t key_id = 0;
    int images = 0;
    tensor::FeatureMap input;  ///< ready
};

/// Throws Error(format) unless the file fits the plan and every residue is below its prime.
Request read_request(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                     ckks::LimbPool& pool);

void write_response(const plan::Plan& plan, const ckks::Context& context, const std::string& path, std::uint64_t key_id,
                    int images, const std::vector<ckks::Ciphertext>& scores);

struct Response {
    std::uint64_t key_id = 0;
    int images = 0;
    std::vector<ckks::Ciphertext> scores;
};
Response read_response(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                       ckks::LimbPool& pool);

}  // namespace obscura::runtime
