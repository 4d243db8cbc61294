#ifdef __AVX2__

#include "plan/product_strip.inc.hpp"

namespace obscura::plan {

using Lanes = float __attribute__((vector_size(32)));

const ProductStrip avx2_strip{16, multiply_strip<Lanes>};

}  // namespace obscura::plan

#endif
