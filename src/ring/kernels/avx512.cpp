#ifdef __AVX512VNNI__

#include "ring/kernels/simd/vector_avx512.hpp"
// after the vectors
#include "ring/kernels/simd/variant.inc.hpp"
#include "ring/kernels/variants.hpp"

namespace obscura::ring {

constexpr Kernels avx512_variant = vector_kernels("avx512");

}  // namespace obscura::ring

#endif
