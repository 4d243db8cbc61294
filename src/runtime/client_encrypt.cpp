#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "ckks/encoder.hpp"
#include "ckks/encryption.hpp"
#include "ckks/file_header.hpp"
#include "io/output_stream.hpp"
#include "runtime/client.hpp"
#include "runtime/group.hpp"
#include "runtime/segment_contexts.hpp"

namespace obscura::runtime {
namespace {

/// Writes groups of one request, holding as many ciphertexts at a time as there are threads.
class GroupEncryptor {
  public:
    GroupEncryptor(const plan::Plan& plan, const ckks::Context& context, const ckks::SecretKey& secret,
                   const io::Images& images, int threads)
        : plan_(plan),
          context_(context),
          images_(images),
          layout_(input_layout(plan)),
          transforms_(context, secret, input_level(plan)),
          encoder_(plan.parameters().log_degree),
          threads_(threads),
          limbs_(context.degree()) {
        for (int i = 0; i < threads_.size(); ++i) results_.push_back(ring::make_poly(limbs_, input_level(plan)));
    }

    int ciphertexts() const { return layout_.columns() * plan_.input.channels; }

    /// `update` gets the number of ciphertexts of the group that are done.
    void write(io::OutputStream& stream, const GroupTag& tag, const std::function<void(int)>& update);

  private:
    /// One pixel of each tile, one channel, of all images of the group; the slots of images that are not there hold
    /// the mean pixel.
    std::vector<double> slots(const GroupTag& tag, int column, int channel) const;

    const plan::Plan& plan_;
    const ckks::Context& context_;
    const io::Images& images_;
    plan::Layout layout_;
    ckks::SecretTransforms transforms_;
    ckks::Encoder encoder_;
    ThreadPool threads_;
    ckks::LimbPool limbs_;
    std::vector<ckks::Poly> results_;  ///< [thread]
};

std::vector<double> GroupEncryptor::slots(const GroupTag& tag, int column, int channel) const {
    std::vector<double> values(context_.degree());
    const auto& input = plan_.input;
    const auto c = static_cast<std::size_t>(channel), channels = static_cast<std::size_t>(input.channels);
    const auto first = std::size_t{tag.group} * static_cast<std::size_t>(plan_.batch());
    for (int cell = 0; cell < layout_.valid_tiles(); ++cell) {
        const int p = layout_.pixel(cell, column);
        for (int image = 0; image < static_cast<int>(tag.images); ++image) {
            const auto pixel = (first + static_cast<std::size_t>(image)) * static_cast<std::size_t>(layout_.pixels()) +
                               static_cast<std::size_t>(p);
            values[static_cast<std::size_t>(layout_.slot(p, image))] =
                (images_.pixels[pixel * channels + c] - input.mean[c]) * input.factor[c];
        }
    }
    const std::size_t period = values.size() / static_cast<std::size_t>(layout_.copies);
    for (std::size_t at = period; at < values.size(); at += period)
        std::copy_n(values.begin(), period, values.begin() + static_cast<std::ptrdiff_t>(at));
    return values;
}

void GroupEncryptor::write(io::OutputStream& stream, const GroupTag& tag, const std::function<void(int)>& update) {
    io::FileWriter out(stream, ckks::file_header(context_, io::FileKind::request, digest_bytes(plan_),
                                                 request_payload_bytes(plan_, context_)));
    const ckks::Seed seed = ckks::fresh_seed();
    ckks::Seed noise_seed = ckks::fresh_seed();
    const int count = ciphertexts();
    write_tag(out, tag);
    out.u32(static_cast<unsigned>(count));
    out.bytes(seed);
    for (int first = 0; first < count; first += threads_.size()) {
        update(first);
        const int some = std::min(threads_.size(), count - first);
        threads_.parallel_for(some, [&](std::int64_t i, int) {
            const int index = first + static_cast<int>(i);
            std::vector<double> coefficients(context_.degree());
            encoder_.encode(slots(tag, index / plan_.input.channels, index % plan_.input.channels), coefficients);
            ckks::encrypt_seeded(context_, transforms_, seed, noise_seed, static_cast<std::uint64_t>(index),
                                 ckks::round_coefficients(coefficients, 1), results_[static_cast<std::size_t>(i)]);
        });
        for (int i = 0; i < some; ++i) write_poly(out, results_[static_cast<std::size_t>(i)], context_.degree());
    }
    sodium_memzero(noise_seed.data(), noise_seed.size());
    out.finish();
}

void check_images(const plan::Plan& plan, const io::Images& images) {
    const auto& input = plan.input;
    if (images.channels != input.channels || images.height != input.height || images.width != input.width)
        throw Error(
            ErrorCode::format,
            fmt::format("images of {} x {} x {} where the plan takes {} x {} x {} (height x width x channels)",
                        images.height, images.width, images.channels, input.height, input.width, input.channels));
    if (images.count < 1)
        throw Error(ErrorCode::range, fmt::format("{} images; a request has 1 or more", images.count));
}

}  // namespace

RequestSize encrypt(const plan::Plan& plan, const std::string& secret_path, const io::Images& images,
                    const std::string& request_path, int threads, Progress& progress) {
    check_images(plan, images);
    const ckks::Context context{ckks::Parameters(plan.parameters())};
    const auto secrets = ckks::load_secret_keys(log_degrees(plan), context, digest_bytes(plan), secret_path);
    const ckks::SecretKey& secret = secrets.front();
    const std::uint32_t groups = groups_for(images.count, plan.batch());
    io::OutputStream out(request_path, io::OutputMode::discard, [&] { return progress.cancelled(); });
    out.reserve(groups * (io::container_frame_bytes + request_payload_bytes(plan, context)));
    GroupEncryptor encryptor(plan, context, secret, images, threads);
    const double each = encryptor.ciphertexts();
    GroupTag tag{secret.id(), {}, 0, groups, 0};
    randombytes_buf(tag.stream.data(), tag.stream.size());
    for (; tag.group < groups; ++tag.group) {
        const int first = static_cast<int>(tag.group) * plan.batch();
        tag.images = static_cast<std::uint32_t>(std::min(plan.batch(), images.count - first));
        encryptor.write(out, tag, [&](int done) {
            if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
            progress.update(tag.group * each + done, groups * each, "encrypting");
        });
    }
    out.finish();
    progress.update(1, 1, "encrypted");
    return {groups, out.position()};
}

}  // namespace obscura::runtime
