#pragma once

#include "ckks/key_switch.hpp"

/// From a ring to a smaller one, where ciphertexts, keys and transforms are as much smaller.
///
/// The conjugate-invariant ring of degree N/2^d is the subring of those elements of the ring of degree N whose slots
/// repeat with a period of N/2^d. A ciphertext is first switched to a secret of the subring; then the sum of its images
/// under the automorphisms that fix the subring (rotations by multiples of the period) lies in the subring, and so does
/// its plaintext: slot j holds the sum of slots j, j + N/2^d, ..., or their mean, as the sum is a multiple of their
/// number. As evaluations are in the order of the slots, that sum is one of parts of the evaluations (after Gentry,
/// Halevi, Peikert and Smart, "Field switching in BGV-style homomorphic encryption", ePrint 2012/240).
///
/// Samples under a secret of the subring are as hard as those of the smaller ring, so the key may only have as many
/// primes as are secure there.
namespace obscura::ckks {

/// The parameters of the key from one ring to a smaller one: the degree of the larger one with the primes of the
/// smaller one's parameters.
ParametersLiteral ring_switch_parameters(const ParametersLiteral& from, const ParametersLiteral& to);

/// What the slots of a smaller ring hold.
enum class Parts {
    sum,   ///< of the slots that meet there: all but one of them hold nothing
    mean,  ///< all of them hold the same
};

/// `bridge`: of ring_switch_parameters. `keys`: a rotation by no slot from the secret of the larger ring to that of the
/// smaller one. The slots of the result, of degree 2^log_degree, are the sums or means described above, at the
/// ciphertext's own level and scale. Takes the limbs of `ciphertext`.
Ciphertext switch_ring(const Context& bridge, const EvaluationKeys& keys, int log_degree, Parts parts,
                       Ciphertext&& ciphertext, LimbPool& pool, SwitchScratch& scratch);

}  // namespace obscura::ckks
