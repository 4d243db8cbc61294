#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/compile.hpp"
#include "compiler/parameter_choice.hpp"

/// Cuts a plan into segments (plan/plan.hpp): where it goes to a smaller ring, and where fewer special primes pay.
namespace obscura::compiler {

/// Can the layers from `first` on have keys of their own? They can where no map is read before and after.
bool can_cut(const plan::Plan& plan, std::size_t first);

/// Limbs of the operands that the layers from `first` on begin with, and of what they may have to rescale.
int limbs_from(const plan::Plan& plan, std::size_t first);

/// Is a ring of degree 2^log_degree large enough for so many of these primes: at 128 bits, with special primes for a
/// few digits? Any ring that kernels know is if these parameters are insecure.
bool ring_suffices(const ckks::ParametersLiteral& parameters, int limbs, int log_degree);

/// The segments that the tiles of layers' outputs ask for, one for each ring, with first layer and log2 of the degree;
/// `log_degree` is the first one's. Nothing if no plan can be cut like that.
std::optional<std::vector<plan::Segment>> ring_segments(const plan::Plan& plan, const std::vector<int>& tiles,
                                                        int log_degree);

/// The segments of a plan whose ciphertexts hold so many copies of their images at first, one for each ring, with first
/// layer and log2 of the degree: each ring is entered as soon as `parameters` allow it.
std::vector<plan::Segment> copy_segments(const plan::Plan& plan, const ckks::ParametersLiteral& parameters, int copies);

/// The fastest segments by the cost model. `outline`: layers, and one segment for each ring, with its first layer and
/// log_degree and for the rest the parameters of the first choice. `choices`: for the first segment, they differ in the
/// number of special primes. Keys are left to be filled in (fill_keys).
std::vector<plan::Segment> choose_segments(const plan::Plan& outline,
                                           const std::vector<ckks::ParametersLiteral>& choices,
                                           const CompileOptions& options);

/// Bytes of a segment's evaluation keys on the wire, with that which switches to its ring.
std::uint64_t segment_key_bytes(const plan::Plan& plan, std::size_t segment);

/// The keys that each segment needs.
void fill_keys(plan::Plan& plan);

}  // namespace obscura::compiler
