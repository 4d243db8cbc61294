#include <algorithm>

#include "base/error.hpp"
#include "ckks/encoder.hpp"
#include "ckks/encryption.hpp"
#include "runtime/client.hpp"
#include "runtime/response.hpp"

namespace obscura::runtime {
namespace {

/// Appends the scores of a group's images.
void decrypt_group(const plan::Plan& plan, const ckks::Context& context, const ckks::SecretTransforms& transforms,
                   const ckks::Encoder& encoder, const std::vector<ckks::Ciphertext>& group, std::uint32_t images,
                   Scores& result) {
    const auto& head = plan.layers.back();
    const std::size_t before = result.scores.size();
    result.scores.resize(before + images * group.size());
    std::vector<double> coefficients(context.degree()), slots(context.degree());
    for (std::size_t o = 0; o < group.size(); ++o) {
        const auto message = ckks::decrypt(context, transforms, group[o]);
        std::copy(message.begin(), message.end(), coefficients.begin());
        encoder.decode(coefficients, slots);
        for (std::size_t image = 0; image < images; ++image)
            result.scores[before + image * group.size() + o] = slots[image] / head.output_scale[o] + head.bias[o];
    }
    result.images += static_cast<int>(images);
}

}  // namespace

int Scores::best(int image) const {
    const auto begin = scores.begin() + static_cast<std::ptrdiff_t>(image) * classes;
    return static_cast<int>(std::max_element(begin, begin + classes) - begin);
}

Scores decrypt(const plan::Plan& plan, const std::string& secret_path, const std::string& response_path,
               Progress& progress) {
    const ckks::Context context{ckks::Parameters(plan.parameters)};
    const auto secret = ckks::load_secret_key(context, digest_bytes(plan), secret_path);
    const ckks::SecretTransforms transforms(context, secret, 2);
    const ckks::Encoder encoder(plan.parameters.log_degree);
    ckks::LimbPool limbs(context.degree());
    ResponseReader response(plan, context, response_path, [&] { return progress.cancelled(); });
    Scores result{0, plan.layers.back().out_channels, {}};
    while (response.next()) {
        const GroupTag& tag = response.tag();
        if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
        if (tag.key_id != secret.id())
            throw Error(ErrorCode::format, response.name() + " was made with another key than " + secret_path);
        progress.update(tag.group, tag.groups, "decrypting");
        decrypt_group(plan, context, transforms, encoder, response.read(limbs), tag.images, result);
    }
    return result;
}

}  // namespace obscura::runtime
