#pragma once

#include "ring/kernels/simd/conversion.inc.hpp"
#include "ring/kernels/simd/ntt_forward.inc.hpp"
#include "ring/kernels/simd/ntt_inverse.inc.hpp"
#include "ring/kernels/simd/packing.inc.hpp"
#include "ring/kernels/simd/product.inc.hpp"

/// The table of the vector functions above for the instruction set whose vector header was included first.
namespace obscura::ring {
namespace {

constexpr Kernels vector_kernels(const char* name) {
    return {name,
            min_vector_log_degree,
            ntt_forward,
            ntt_inverse,
            ntt_inverse_centred,
            scale,
            scale_signed,
            add_scaled,
            add_rows,
            multiply,
            convert,
            quotient,
            inner_product,
            square_inner_product,
            pack_pair,
            switch_pair,
            switch_masked,
            matrix_product,
            subtract_scale,
            subtract_scale_centred};
}

}  // namespace
}  // namespace obscura::ring
