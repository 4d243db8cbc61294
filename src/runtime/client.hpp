#pragma once

#include <cstdint>
#include <optional>
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

struct RequestSize {
    std::uint32_t groups = 0;
    std::uint64_t bytes = 0;
};

/// Encrypts any number of images, group by group; the last group may be partial. `request_path` may be "-" (standard
/// output). Every group has a fresh seed. Throws Error(format) if image shape and plan disagree, Error(range) if there
/// is no image.
RequestSize encrypt(const plan::Plan& plan, const std::string& secret_path, const io::Images& images,
                    const std::string& request_path, int threads, Progress& progress);

/// Decrypted class scores: scores[image * classes + class].
struct Scores {
    int images = 0;
    int classes = 0;
    std::vector<double> scores;
    /// [images] whether values wrapped in the image's group: then most of its scores are larger than the plan can
    /// carry (plan/carried_range.hpp), and all of them are noise.
    std::vector<bool> lost;
    int best(int image) const;  ///< index of the largest score; -1 for a lost image
};

struct ResponsePaths {
    std::string response;                ///< may be "-" (standard input)
    std::optional<std::string> request;  ///< the one that the response is to answer, byte by byte
};

/// Decrypts group after group; scores are in the order of the encrypted images. Throws Error(format) if the response
/// belongs to another plan, key or request, or if groups are missing, repeated or out of order. This finds files that
/// were mixed up; a server that means to deceive can answer what it likes.
Scores decrypt(const plan::Plan& plan, const std::string& secret_path, const ResponsePaths& paths, Progress& progress);

}  // namespace obscura::runtime
