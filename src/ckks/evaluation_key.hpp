#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.hpp"
#include "ckks/ciphertext.hpp"
#include "ckks/random.hpp"
#include "ring/automorphism.hpp"

namespace obscura::ckks {

/// What a switching key's digits are multiplied with at run time, and so which power of 2^32 it carries.
enum class DigitForm {
    exact,       ///< digits are exact: the key carries 2^32
    montgomery,  ///< digits carry 2^-32 (they come from Montgomery products): the key carries 2^64
};

/// Encryptions under s of P g_j s' for each digit j (hybrid key switching: Han and Ki, ePrint 2019/688), where g_j is 1
/// modulo the limbs of digit j and 0 modulo the others. b_j = -a_j s + e_j + P g_j s'; a and b are kept over P modulo
/// the chain primes (see Operand). Evaluation order, in [0, q), multiplied as DigitForm says. Limbs 0 .. level-1 and
/// the special limbs; the others are null.
struct SwitchingKey {
    int level = 0;
    std::vector<Poly> b;  ///< [digit][limbs()]
    std::vector<Poly> a;
};

/// The key for rotating slots by automorphism.step.
struct RotationKey {
    ring::Automorphism automorphism;
    SwitchingKey key;
};

/// Everything a server needs to know of a client's key: nothing in here helps to decrypt.
struct EvaluationKeys {
    std::uint64_t key_id = 0;  ///< SecretKey::id of the secret they belong to
    SwitchingKey relinearisation;
    std::map<int, RotationKey> rotations;  ///< by step

    /// Throws Error(format) naming the step if there is no key or it is for fewer limbs than `level`.
    const RotationKey& rotation(int step, int level) const;
};

/// Which keys to make: steps 1 .. N-1 with the highest level each is used at; step 0 switches rings (ring_switch.hpp).
struct EvaluationKeyRequest {
    int relinearisation_level = 0;               ///< 0: no such key
    std::vector<std::pair<int, int>> rotations;  ///< (step, level)
};

/// A part of a key file: the keys for one context, expanded from a seed of their own.
struct KeySection {
    const Context* context = nullptr;
    EvaluationKeyRequest request;
};

/// Bytes of an evaluation key file: one packed polynomial a digit and limb (the other is expanded from a seed).
std::uint64_t evaluation_key_file_bytes(std::span<const KeySection> sections);

/// [section]. Reads on one thread and expands on the others; limbs of smaller rings take up whole ones of the pool.
/// Throws Error(format) unless the file was made for the first section's parameters and this plan and holds exactly the
/// requested keys.
std::vector<EvaluationKeys> load_evaluation_keys(std::span<const KeySection> sections, const std::string& plan_digest,
                                                 const std::string& path, LimbPool& pool, ThreadPool& threads);

}  // namespace obscura::ckks
