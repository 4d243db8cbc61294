#include "runtime/batch_files.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.hpp"
#include "ckks/encryption.hpp"
#include "ckks/file_header.hpp"
#include "io/residues.hpp"

namespace obscura::runtime {

namespace {

void write_poly(io::FileWriter& out, const ckks::Poly& poly, std::size_t degree) {
    for (std::size_t t = 0; t < poly.size(); ++t) io::write_residues(out, {poly[t], degree});
}

ckks::Poly read_poly(io::FileReader& in, const ckks::Context& context, int limbs, ckks::LimbPool& pool) {
    ckks::Poly poly = ring::make_poly(pool, limbs);
    for (int t = 0; t < limbs; ++t)
        io::read_residues(in, context.prime(t), {poly[static_cast<std::size_t>(t)], context.degree()});
    return poly;
}

std::uint64_t response_payload_bytes(const plan::Plan& plan, const ckks::Context& context) {
    const auto& head = plan.layers.back();
    return 8 + 4 + 4 + 4 +
           2ull * static_cast<unsigned>(head.out_channels) * static_cast<unsigned>(head.level) *
               io::packed_bytes(context.degree());
}

int read_images(io::FileReader& in, const plan::Plan& plan) {
    const auto images = in.u32();
    if (images < 1 || images > static_cast<unsigned>(plan.batch()))
        in.fail(fmt::format("{} images in a batch of {}", images, plan.batch()));
    return static_cast<int>(images);
}

}  // namespace

std::string digest_bytes(const plan::Plan& plan) {
    const std::string hex = plan.digest();
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

ckks::EvaluationKeyRequest evaluation_key_request(const plan::Plan& plan) {
    ckks::EvaluationKeyRequest request{plan.relinearisation_level, {}};
    for (const auto& key : plan.rotation_keys) request.rotations.emplace_back(key.step, key.level);
    return request;
}

int input_level(const plan::Plan& plan) {
    return plan.layers.front().level;
}

std::uint64_t request_payload_bytes(const plan::Plan& plan, const ckks::Context& context) {
    const auto ciphertexts = static_cast<std::uint64_t>(plan.run_length) * static_cast<unsigned>(plan.input.channels);
    return 8 + 4 + 4 + sizeof(ckks::Seed) +
           ciphertexts * static_cast<unsigned>(input_level(plan)) * io::packed_bytes(context.degree());
}

Request read_request(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                     ckks::LimbPool& pool) {
    io::FileReader in(path, io::FileKind::request);
    ckks::check_header(in, context, digest_bytes(plan));
    if (in.remaining() != request_payload_bytes(plan, context))
        in.fail(fmt::format("{} payload bytes, but a batch of this plan takes {}", in.remaining(),
                            request_payload_bytes(plan, context)));
    Request request;
    request.key_id = in.u64();
    request.images = read_images(in, plan);
    const auto layout =
        plan::input_layout(plan.input.height, plan.input.width, plan.run_length, plan.parameters.log_degree);
    const int count = layout.columns() * plan.input.channels;
    if (const auto found = in.u32(); found != static_cast<unsigned>(count))
        in.fail(fmt::format("{} ciphertexts where the plan has {}", found, count));
    ckks::Seed seed;
    in.bytes(seed);
    request.input.layout = layout;
    request.input.channels = plan.input.channels;
    request.input.is_ready.assign(static_cast<std::size_t>(layout.columns()), true);
    for (int i = 0; i < count; ++i) {
        ckks::Ciphertext ct{read_poly(in, context, input_level(plan), pool), ring::make_poly(pool, input_level(plan))};
        ckks::expand_seeded(context, seed, static_cast<std::uint64_t>(i), ct.c1);
        request.input.ready.push_back(ckks::make_operand(context, std::move(ct)));
    }
    in.finish();
    return request;
}

void write_response(const plan::Plan& plan, const ckks::Context& context, const std::string& path, std::uint64_t key_id,
                    int images, const std::vector<ckks::Ciphertext>& scores) {
    io::FileWriter out(path, ckks::file_header(context, io::FileKind::response, digest_bytes(plan),
                                               response_payload_bytes(plan, context)));
    out.u64(key_id);
    out.u32(static_cast<unsigned>(images));
    out.u32(static_cast<unsigned>(scores.size()));
    out.u32(static_cast<unsigned>(plan.layers.back().level));
    for (const auto& score : scores)
        for (const auto* part : {&score.c0, &score.c1}) write_poly(out, *part, context.degree());
    out.finish();
}

Response read_response(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                       ckks::LimbPool& pool) {
    io::FileReader in(path, io::FileKind::response);
    ckks::check_header(in, context, digest_bytes(plan));
    if (in.remaining() != response_payload_bytes(plan, context))
        in.fail(fmt::format("{} payload bytes, but a response of this plan takes {}", in.remaining(),
                            response_payload_bytes(plan, context)));
    Response response;
    response.key_id = in.u64();
    response.images = read_images(in, plan);
    const auto& head = plan.layers.back();
    const auto scores = in.u32(), limbs = in.u32();
    if (scores != static_cast<unsigned>(head.out_channels) || limbs != static_cast<unsigned>(head.level))
        in.fail(fmt::format("{} scores of {} limbs where the plan has {} of {}", scores, limbs, head.out_channels,
                            head.level));
    for (unsigned i = 0; i < scores; ++i) {
        ckks::Ciphertext ct;
        ct.c0 = read_poly(in, context, head.level, pool);
        ct.c1 = read_poly(in, context, head.level, pool);
        response.scores.push_back(std::move(ct));
    }
    in.finish();
    return response;
}

}  // namespace obscura::runtime
