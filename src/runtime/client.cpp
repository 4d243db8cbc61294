#include "runtime/client.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "ckks/encoder.hpp"
#include "ckks/encryption.hpp"
#include "ckks/file_header.hpp"
#include "ckks/key_generation.hpp"
#include "io/residues.hpp"
#include "runtime/batch_files.hpp"

namespace obscura::runtime {

namespace {

void refuse_existing(const std::string& path, bool overwrite) {
    if (!overwrite && std::filesystem::exists(path))
        throw Error(
            ErrorCode::io,
            path + " exists; a lost secret key cannot be made again, so remove it yourself or name another file");
}

void stop_if_cancelled(const Progress& progress) {
    if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
}

}  // namespace

KeySizes generate_keys(const plan::Plan& plan, const std::string& secret_path, const std::string& evaluation_path,
                       bool overwrite, Progress& progress) {
    refuse_existing(secret_path, overwrite);
    refuse_existing(evaluation_path, overwrite);
    const ckks::Context context{ckks::Parameters(plan.parameters)};
    const auto secret = ckks::SecretKey::generate(context);
    const std::string digest = digest_bytes(plan);
    KeySizes sizes;
    // the evaluation keys first: a secret key without them would only look complete
    ckks::write_evaluation_keys(context, secret, evaluation_key_request(plan), digest, evaluation_path,
                                [&](int done, int total) {
                                    stop_if_cancelled(progress);
                                    progress.update(done, total, "making keys");
                                });
    ckks::save_secret_key(secret, context, digest, secret_path);
    sizes.secret_bytes = std::filesystem::file_size(secret_path);
    sizes.evaluation_bytes = std::filesystem::file_size(evaluation_path);
    return sizes;
}

std::uint64_t encrypt(const plan::Plan& plan, const std::string& secret_path, const io::Images& images,
                      const std::string& request_path, int threads, Progress& progress) {
    const auto& input = plan.input;
    if (images.channels != input.channels || images.height != input.height || images.width != input.width)
        throw Error(
            ErrorCode::format,
            fmt::format("images of {} x {} x {} where the plan takes {} x {} x {} (height x width x channels)",
                        images.height, images.width, images.channels, input.height, input.width, input.channels));
    if (images.count < 1 || images.count > plan.batch())
        throw Error(ErrorCode::range,
                    fmt::format("{} images, but a batch of this plan holds 1 to {}; encrypt them in several batches",
                                images.count, plan.batch()));
    const ckks::Context context{ckks::Parameters(plan.parameters)};
    const std::string digest = digest_bytes(plan);
    const auto secret = ckks::load_secret_key(context, digest, secret_path);
    const int level = input_level(plan);
    const ckks::SecretTransforms transforms(context, secret, level);
    const ckks::Encoder encoder(plan.parameters.log_degree);
    const auto layout = plan::input_layout(input.height, input.width, plan.run_length, plan.parameters.log_degree);
    const int count = layout.columns() * input.channels;

    io::FileWriter out(request_path,
                       ckks::file_header(context, io::FileKind::request, digest, request_payload_bytes(plan, context)));
    const ckks::Seed seed = ckks::fresh_seed();
    ckks::Seed noise_seed = ckks::fresh_seed();
    out.u64(secret.id());
    out.u32(static_cast<unsigned>(images.count));
    out.u32(static_cast<unsigned>(count));
    out.bytes(seed);

    ThreadPool pool(threads);
    ckks::LimbPool limbs(context.degree());
    std::vector<ckks::Poly> results(static_cast<std::size_t>(pool.size()));
    for (auto& poly : results) poly = ring::make_poly(limbs, level);
    for (int first = 0; first < count; first += pool.size()) {
        stop_if_cancelled(progress);
        progress.update(first, count, "encrypting");
        const int some = std::min(pool.size(), count - first);
        pool.parallel_for(some, [&](std::int64_t i, int) {
            const int index = first + static_cast<int>(i), column = index / input.channels,
                      channel = index % input.channels;
            std::vector<double> slots(context.degree()), coefficients(context.degree());
            const auto c = static_cast<std::size_t>(channel);
            for (int p = column; p < layout.pixels(); p += layout.run)
                for (int image = 0; image < images.count; ++image) {
                    const auto at = (static_cast<std::size_t>(image) * static_cast<std::size_t>(layout.pixels()) +
                                     static_cast<std::size_t>(p)) *
                                        static_cast<std::size_t>(input.channels) +
                                    c;
                    slots[static_cast<std::size_t>(layout.slot(p, image))] =
                        (images.pixels[at] - input.mean[c]) * input.factor[c];
                }
            encoder.encode(slots, coefficients);
            ckks::encrypt_seeded(context, transforms, seed, noise_seed, static_cast<std::uint64_t>(index),
                                 ckks::round_coefficients(coefficients, 1), results[static_cast<std::size_t>(i)]);
        });
        for (int i = 0; i < some; ++i)
            for (int t = 0; t < level; ++t)
                io::write_residues(
                    out, {results[static_cast<std::size_t>(i)][static_cast<std::size_t>(t)], context.degree()});
    }
    sodium_memzero(noise_seed.data(), noise_seed.size());
    out.finish();
    progress.update(count, count, "encrypted");
    return std::filesystem::file_size(request_path);
}

int Scores::best(int image) const {
    const auto begin = scores.begin() + static_cast<std::ptrdiff_t>(image) * classes;
    return static_cast<int>(std::max_element(begin, begin + classes) - begin);
}

Scores decrypt(const plan::Plan& plan, const std::string& secret_path, const std::string& response_path) {
    const ckks::Context context{ckks::Parameters(plan.parameters)};
    const auto secret = ckks::load_secret_key(context, digest_bytes(plan), secret_path);
    ckks::LimbPool limbs(context.degree());
    const auto response = read_response(plan, context, response_path, limbs);
    if (response.key_id != secret.id())
        throw Error(ErrorCode::format, response_path + " was made with another key than " + secret_path);
    const ckks::SecretTransforms transforms(context, secret, 2);
    const ckks::Encoder encoder(plan.parameters.log_degree);
    const auto& head = plan.layers.back();
    Scores result{response.images, head.out_channels, {}};
    result.scores.resize(static_cast<std::size_t>(result.images) * static_cast<std::size_t>(result.classes));
    std::vector<double> coefficients(context.degree()), slots(context.degree());
    for (std::size_t o = 0; o < response.scores.size(); ++o) {
        const auto message = ckks::decrypt(context, transforms, response.scores[o]);
        std::copy(message.begin(), message.end(), coefficients.begin());
        encoder.decode(coefficients, slots);
        for (std::size_t image = 0; image < static_cast<std::size_t>(result.images); ++image)
            result.scores[image * response.scores.size() + o] = slots[image] / head.output_scale[o] + head.bias[o];
    }
    return result;
}

}  // namespace obscura::runtime
