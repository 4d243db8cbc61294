#pragma once

#include <span>

#include "ckks/context.hpp"

/// Base conversion of whole polynomials to several target limbs, the step that ModUp and ModDown share.
namespace obscura::ckks {

inline const i32* as_signed(const u32* p) {
    return reinterpret_cast<const i32*>(p);
}
inline i32* as_signed(u32* p) {
    return reinterpret_cast<i32*>(p);
}

/// Converts `sources`, centred, to every target with a non-null output that is not itself a source. `small` is the
/// quotient that an exact conversion subtracts, or null. Results are below 3 q (ring::Kernels::convert).
void convert_to(const Context& context, const Conversion& conversion, std::span<const i32* const> sources,
                const i32* small, std::span<const int> targets, u32* const* out);

}  // namespace obscura::ckks
