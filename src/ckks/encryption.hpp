#pragma once

#include <span>

#include "ckks/ciphertext.hpp"
#include "ckks/random.hpp"
#include "ckks/secret_key.hpp"

/// Encryption and decryption: everything here needs the secret or the public key and belongs to the client.
namespace obscura::ckks {

/// Transforms of the secret modulo the chain primes, made once for many ciphertexts.
class SecretTransforms {
  public:
    SecretTransforms(const Context& context, const SecretKey& key, int limbs);
    const u32* operator[](int limb) const { return words_.data() + static_cast<std::size_t>(limb) * degree_; }

  private:
    std::size_t degree_;
    SecretWords words_;
};

/// Fills c1 of a seeded ciphertext: uniform limbs, determined by (seed, index). `limbs` limbs.
void expand_seeded(const Context& context, const Seed& seed, std::uint64_t index, Poly& c1);

/// Symmetric encryption whose c1 is expand_seeded(public_seed, index), so only c0 need travel. `coefficients`: N
/// integers of magnitude below 2^62 (the scaled, rounded message). Noise comes from `noise_seed`, which must be secret
/// and fresh; an index must not be used twice with the same seeds. Fills c0 with secret.size() limbs... as many as `c0`
/// has.
void encrypt_seeded(const Context& context, const SecretTransforms& secret, const Seed& public_seed,
                    const Seed& noise_seed, std::uint64_t index, std::span<const i64> coefficients, Poly& c0);

/// A public key: an encryption of zero, limbs 0 .. levels-1.
struct PublicKey {
    Ciphertext zero;
};
PublicKey make_public_key(const Context& context, const SecretKey& key, LimbPool& pool);

/// Public-key encryption at `level` limbs with fresh randomness.
Ciphertext encrypt_public(const Context& context, const PublicKey& key, std::span<const i64> coefficients, int level,
                          LimbPool& pool);

/// Centred coefficients of the message, read from the first two limbs: exact while |message + noise| < q0 q1 / 2.
/// The ciphertext needs at least two limbs (with one, |.| < q0 / 2).
std::vector<i64> decrypt(const Context& context, const SecretTransforms& secret, const Ciphertext& ciphertext);

/// Rounds scale * value for every coefficient. Throws Error(range) if one exceeds 2^62.
std::vector<i64> round_coefficients(std::span<const double> coefficients, double scale);

}  // namespace obscura::ckks
