#pragma once

#include "ring/kernels/kernels.hpp"

/// The tables of the files compiled for one instruction set each. They are constants, so that nothing of those files
/// runs before the processor was asked; only dispatch.cpp uses them.
namespace obscura::ring {

extern const Kernels avx2_variant;
extern const Kernels avx512_variant;

/// With IFMA, transforms in the place of those of avx512_variant.
struct Transforms {
    decltype(Kernels::forward) forward;
    decltype(Kernels::inverse) inverse;
    decltype(Kernels::inverse_centred) inverse_centred;
};
extern const Transforms avx512ifma_transforms;

}  // namespace obscura::ring
