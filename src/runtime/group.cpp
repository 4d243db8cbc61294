#include "runtime/group.hpp"

#include <fmt/format.h>

#include <limits>

#include "ckks/random.hpp"
#include "io/residues.hpp"

namespace obscura::runtime {
namespace {

constexpr std::uint64_t tag_bytes = 8 + sizeof(StreamId) + 4 + 4 + 4;

}  // namespace

std::string digest_bytes(const plan::Plan& plan) {
    const std::string hex = plan.digest();
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

int input_level(const plan::Plan& plan) {
    return plan.layers.front().level;
}

plan::Layout input_layout(const plan::Plan& plan) {
    return plan::input_layout(plan.input.height, plan.input.width, plan.cell, plan.parameters().log_degree,
                              plan.copies);
}

std::uint64_t request_payload_bytes(const plan::Plan& plan, const ckks::Context& context) {
    const auto ciphertexts =
        static_cast<std::uint64_t>(input_layout(plan).columns()) * static_cast<unsigned>(plan.input.channels);
    return tag_bytes + 4 + sizeof(ckks::Seed) +
           ciphertexts * static_cast<unsigned>(input_level(plan)) * io::packed_bytes(context.degree());
}

std::uint64_t response_payload_bytes(const plan::Plan& plan, const ckks::Context& context) {
    const auto& head = plan.layers.back();
    return tag_bytes + sizeof(io::Digest) + 4 + 4 +
           2ull * static_cast<unsigned>(head.out_channels) * static_cast<unsigned>(head.output_level()) *
               io::packed_bytes(context.degree());
}

void write_tag(io::FileWriter& out, const GroupTag& tag) {
    out.u64(tag.key_id);
    out.bytes(tag.stream);
    out.u32(tag.group);
    out.u32(tag.groups);
    out.u32(tag.images);
}

GroupTag read_tag(io::FileReader& in, int batch) {
    GroupTag tag;
    tag.key_id = in.u64();
    in.bytes(tag.stream);
    tag.group = in.u32();
    tag.groups = in.u32();
    tag.images = in.u32();
    const auto capacity = static_cast<std::uint32_t>(batch);
    if (tag.images < 1 || tag.images > capacity)
        in.fail(fmt::format("{} images in a group of at most {}", tag.images, batch));
    if (tag.groups < 1 || tag.groups > std::numeric_limits<std::int32_t>::max() / capacity)
        in.fail(
            fmt::format("{} groups of {} images are announced; a request has 1 to 2^31 - 1 images", tag.groups, batch));
    return tag;
}

std::uint32_t groups_for(int images, int batch) {
    return (static_cast<std::uint32_t>(images) - 1) / static_cast<std::uint32_t>(batch) + 1;
}

void write_poly(io::FileWriter& out, const ckks::Poly& poly, std::size_t degree) {
    for (std::size_t t = 0; t < poly.size(); ++t) io::write_residues(out, {poly[t], degree});
}

ckks::Poly read_poly(io::FileReader& in, const ckks::Context& context, int limbs, ckks::LimbPool& pool) {
    ckks::Poly poly = ring::make_poly(pool, limbs);
    for (int t = 0; t < limbs; ++t)
        io::read_residues(in, context.prime(t), {poly[static_cast<std::size_t>(t)], context.degree()});
    return poly;
}

}  // namespace obscura::runtime
