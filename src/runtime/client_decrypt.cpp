#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "ckks/encoder.hpp"
#include "ckks/encryption.hpp"
#include "plan/carried_range.hpp"
#include "runtime/client.hpp"
#include "runtime/request.hpp"
#include "runtime/response.hpp"
#include "runtime/segment_contexts.hpp"

namespace obscura::runtime {
namespace {

/// Appends the scores of a group's images. Values that wrapped, in whatever layer, are spread over the whole modulus,
/// so that nearly all slots are beyond what it carries; a single image that went beyond without wrapping is not a
/// reason.
void decrypt_group(const plan::Plan& plan, const ckks::Context& context, const ckks::SecretTransforms& transforms,
                   const ckks::Encoder& encoder, const std::vector<ckks::Ciphertext>& group, std::uint32_t images,
                   Scores& result) {
    const auto& head = plan.layers.back();
    const std::size_t before = result.scores.size();
    result.scores.resize(before + images * group.size());
    std::vector<double> coefficients(context.degree()), slots(context.degree());
    const double limit = std::exp2(plan::limit_bits(plan, head));
    std::size_t beyond = 0;
    for (std::size_t o = 0; o < group.size(); ++o) {
        const auto message = ckks::decrypt(context, transforms, group[o]);
        std::copy(message.begin(), message.end(), coefficients.begin());
        encoder.decode(coefficients, slots);
        for (std::size_t image = 0; image < images; ++image) {
            beyond += std::abs(slots[image]) > limit ? 1 : 0;
            result.scores[before + image * group.size() + o] = slots[image] / head.output_scale[o] + head.bias[o];
        }
    }
    result.lost.insert(result.lost.end(), images, 2 * beyond > images * group.size());
    result.images += static_cast<int>(images);
}

/// Goes to the request's next group, which must be the one that the response's answers.
void check_stream(RequestReader& request, const ResponseReader& response) {
    if (request.next() && request.tag() == response.tag()) return;
    throw Error(ErrorCode::format,
                fmt::format("{} answers another request than {}; name the request that it answers, or "
                            "have this one answered",
                            response.name(), request.name()));
}

}  // namespace

int Scores::best(int image) const {
    if (lost[static_cast<std::size_t>(image)]) return -1;
    const auto begin = scores.begin() + static_cast<std::ptrdiff_t>(image) * classes;
    return static_cast<int>(std::max_element(begin, begin + classes) - begin);
}

Scores decrypt(const plan::Plan& plan, const std::string& secret_path, const ResponsePaths& paths, Progress& progress) {
    const ckks::Context first{ckks::Parameters(plan.parameters())};
    const ckks::Context context{ckks::Parameters(plan.segments.back().parameters)};  // of the scores
    const auto secrets = ckks::load_secret_keys(log_degrees(plan), first, digest_bytes(plan), secret_path);
    const ckks::SecretTransforms transforms(context, secrets.back(), 2);
    const ckks::Encoder encoder(context.parameters().log_degree());
    ckks::LimbPool limbs(context.degree());
    const auto cancelled = [&] { return progress.cancelled(); };
    ResponseReader response(plan, context, paths.response, cancelled);
    std::optional<RequestReader> request;
    if (paths.request) request.emplace(plan, first, *paths.request, cancelled);
    Scores result{0, plan.layers.back().out_channels, {}, {}};
    while (response.next()) {
        const GroupTag& tag = response.tag();
        if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
        if (tag.key_id != secrets.front().id())
            throw Error(ErrorCode::format, response.name() + " was made with another key than " + secret_path);
        progress.update(tag.group, tag.groups, "decrypting");
        if (request) check_stream(*request, response);
        const ResponseGroup group = response.read(limbs);
        if (request && request->skip() != group.answered)
            throw Error(ErrorCode::format,
                        fmt::format("{}: group {} answers other ciphertexts than those of {}; the request was changed",
                                    response.name(), tag.group + 1, request->name()));
        decrypt_group(plan, context, transforms, encoder, group.scores, tag.images, result);
    }
    return result;
}

}  // namespace obscura::runtime
