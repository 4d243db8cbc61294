#ifdef __AVX512IFMA__

#include "ring/kernels/ifma/ntt_forward.inc.hpp"
#include "ring/kernels/ifma/ntt_inverse.inc.hpp"
#include "ring/kernels/variants.hpp"

namespace obscura::ring {

constexpr Transforms avx512ifma_transforms = {ntt_forward, ntt_inverse, ntt_inverse_centred};

}  // namespace obscura::ring

#endif
