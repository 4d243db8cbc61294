#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ckks/ciphertext.hpp"
#include "ckks/evaluation_key.hpp"
#include "io/container.hpp"
#include "plan/layout.hpp"
#include "plan/plan.hpp"

/// Requests and responses are streams of groups: containers one after another, each with up to plan.batch() images and
/// complete in itself, so that neither side ever holds more than one. Here is what all groups have in common, and what
/// both sides derive from a plan.
namespace obscura::runtime {

/// The plan's digest as the 32 bytes that file headers carry.
std::string digest_bytes(const plan::Plan& plan);

/// Limbs a fresh ciphertext has: the level of the first layer.
int input_level(const plan::Plan& plan);

/// Where the first layer's pixels live in the slots.
plan::Layout input_layout(const plan::Plan& plan);

/// Payload bytes of a group; they depend on the plan alone.
std::uint64_t request_payload_bytes(const plan::Plan& plan, const ckks::Context& context);
std::uint64_t response_payload_bytes(const plan::Plan& plan, const ckks::Context& context);

/// Random bytes that all groups of a request and of its response carry.
using StreamId = std::array<std::uint8_t, 16>;

/// The first fields of every group, 36 bytes: which one of which request it is.
struct GroupTag {
    std::uint64_t key_id = 0;
    StreamId stream{};
    std::uint32_t group = 0;   ///< from 0
    std::uint32_t groups = 0;  ///< of the whole request
    std::uint32_t images = 0;  ///< in this group: plan.batch(), but for the last group

    bool operator==(const GroupTag&) const = default;
};

void write_tag(io::FileWriter& out, const GroupTag& tag);

/// Throws Error(format) unless there are 1 to `batch` images and all groups together have fewer than 2^31.
GroupTag read_tag(io::FileReader& in, int batch);

/// Groups that `images` images (1 or more) take.
std::uint32_t groups_for(int images, int batch);

void write_poly(io::FileWriter& out, const ckks::Poly& poly, std::size_t degree);

/// Throws Error(format) if a residue is not below its prime.
ckks::Poly read_poly(io::FileReader& in, const ckks::Context& context, int limbs, ckks::LimbPool& pool);

}  // namespace obscura::runtime
