#pragma once

#include <vector>

#include "ckks/ciphertext.hpp"
#include "ckks/context.hpp"
#include "ckks/evaluation_key.hpp"
#include "ring/kernel_timing.hpp"

/// Speed of key switching on this machine, for `obscura bench kernels`.
///
/// Keys and ciphertexts are uniform residues, as real ones look to whoever has no secret: times do not depend on what
/// they hold.
namespace obscura::ckks {

/// Keys for measuring that belong to no secret. Deterministic.
EvaluationKeys meaningless_keys(const Context& context, const EvaluationKeyRequest& request, LimbPool& pool);

/// The same for a ciphertext of `level` limbs; those of different indices differ.
Ciphertext meaningless_ciphertext(const Context& context, int level, std::uint64_t index, LimbPool& pool);

/// For every number of limbs in `levels`: a square with relinearisation, and two rotations by a thirty-second
/// of the slots in both directions, hoisted. Runs on the calling thread with the context's kernels.
/// `context` must outlive the jobs. At N = 2^15, 20 + 7 primes, keys and room take 100 MB.
std::vector<ring::KernelJob> switch_jobs(const Context& context, const std::vector<int>& levels);

}  // namespace obscura::ckks
