#pragma once

#include <vector>

#include "ckks/context.hpp"
#include "ring/kernel_timing.hpp"

/// Speed of key switching on this machine, for `obscura bench kernels`.
namespace obscura::ckks {

/// For every number of limbs in `levels`: a square with relinearisation, and two rotations by a thirty-second
/// of the slots in both directions, hoisted. Runs on the calling thread with the context's kernels. Keys and
/// ciphertexts are uniform residues, as real ones look to whoever has no secret: times do not depend on what they hold.
/// `context` must outlive the jobs. At N = 2^15, 20 + 7 primes, keys and room take 100 MB.
std::vector<ring::KernelJob> switch_jobs(const Context& context, const std::vector<int>& levels);

}  // namespace obscura::ckks
