#ifdef __AVX2__

#include "ring/kernels/simd/vector_avx2.hpp"
// after the vectors
#include "ring/kernels/simd/variant.inc.hpp"
#include "ring/kernels/variants.hpp"

namespace obscura::ring {

constexpr Kernels avx2_variant = vector_kernels("avx2");

}  // namespace obscura::ring

#endif
