#include "runtime/client.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "ckks/key_generation.hpp"
#include "ckks/secret_key.hpp"
#include "runtime/group.hpp"
#include "runtime/segment_contexts.hpp"

namespace obscura::runtime {

namespace {

void refuse_existing(const std::string& path, bool overwrite) {
    if (!overwrite && std::filesystem::exists(path))
        throw Error(
            ErrorCode::io,
            path + " exists; a lost secret key cannot be made again, so remove it yourself or name another file");
}

/// The secrets of every section of a key file.
class OwnedSections {
  public:
    OwnedSections(const SegmentContexts& contexts, const std::vector<ckks::SecretKey>& secrets) {
        embedded_.reserve(secrets.size());
        std::size_t ring = 0;
        for (std::size_t i = 0; i < contexts.size(); ++i) {
            if (contexts.bridge(i) != nullptr) {
                const ckks::SecretKey& before = secrets[ring++];
                embedded_.push_back(secrets[ring].embedded(contexts.bridge(i)->parameters().log_degree()));
                secrets_.push_back({&before, &embedded_.back()});
            }
            secrets_.push_back({&secrets[ring], &secrets[ring]});
        }
    }
    std::span<const ckks::SectionSecrets> secrets() const { return secrets_; }

  private:
    std::vector<ckks::SecretKey> embedded_;
    std::vector<ckks::SectionSecrets> secrets_;
};

}  // namespace

KeySizes generate_keys(const plan::Plan& plan, const std::string& secret_path, const std::string& evaluation_path,
                       bool overwrite, Progress& progress) {
    refuse_existing(secret_path, overwrite);
    refuse_existing(evaluation_path, overwrite);
    const SegmentContexts contexts(plan);
    const std::vector<int> degrees = log_degrees(plan);
    std::vector<ckks::SecretKey> secrets;
    for (const int log_degree : degrees) secrets.push_back(ckks::SecretKey::generate(log_degree));
    const std::string digest = digest_bytes(plan);
    KeySizes sizes;
    // the evaluation keys first: a secret key without them would only look complete
    const OwnedSections owned(contexts, secrets);
    ckks::write_evaluation_keys(contexts.key_sections(), owned.secrets(), digest, evaluation_path,
                                [&](int done, int total) {
                                    if (progress.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
                                    progress.update(done, total, "making keys");
                                });
    ckks::save_secret_keys(secrets, contexts.input(), digest, secret_path);
    sizes.secret_bytes = std::filesystem::file_size(secret_path);
    sizes.evaluation_bytes = std::filesystem::file_size(evaluation_path);
    return sizes;
}

}  // namespace obscura::runtime
