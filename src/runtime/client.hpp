#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"

/// What the key owner does: make keys, encrypt images, decrypt scores.
namespace obscura::runtime {

struct KeySizes {
    std::uint64_t secret_bytes = 0;
    std::uint64_t evaluation_bytes = 0;
};

/// Makes a secret key and exactly the evaluation keys that the plan lists. Both files must not exist yet unless
/// `overwrite`; the secret key is written with permission 0600.
KeySizes generate_keys(const plan::Plan& plan, const std::string& secret_path, const std::string& evaluation_path,
                       bool overwrite, Progress& progress);

/// Encrypts up to plan.batch() images (fewer: the rest of the slots hold the mean pixel). Fresh seed per call.
/// Returns the bytes written. Throws Error(format) if image shape and plan disagree, Error(range) if there are too
/// many.
std::uint64_t encrypt(const plan::Plan& plan, const std::string& secret_path, const io::Images& images,
                      const std::string& request_path, int threads, Progress& progress);

/// Decrypted class scores: scores[image * classes + class].
struct Scores {
    int images = 0;
    int classes = 0;
    std::vector<double> scores;
    int best(int image) const;  ///< index of the largest score
};

/// Throws Error(format) if the response belongs to another plan or key.
Scores decrypt(const plan::Plan& plan, const std::string& secret_path, const std::string& response_path);

}  // namespace obscura::runtime
