#include "runtime/client.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "ckks/key_generation.hpp"
#include "ckks/secret_key.hpp"
#include "runtime/group.hpp"

namespace obscura::runtime {

namespace {

void refuse_existing(const std::string& path, bool overwrite) {
    if (!overwrite && std::filesystem::exists(path))
        throw Error(
            ErrorCode::io,
            path + " exists; a lost secret key cannot be made again, so remove it yourself or name another file");
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
                                    if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
                                    progress.update(done, total, "making keys");
                                });
    ckks::save_secret_key(secret, context, digest, secret_path);
    sizes.secret_bytes = std::filesystem::file_size(secret_path);
    sizes.evaluation_bytes = std::filesystem::file_size(evaluation_path);
    return sizes;
}

}  // namespace obscura::runtime
