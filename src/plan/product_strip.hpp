#pragma once

#include <cstddef>
#include <vector>

/// The inner loop of the plain reference's matrix product, for the vectors of one instruction set. All variants add up
/// the same products in the same order, so that plans do not depend on the machine that compiles them: AVX2's has no
/// fused multiply-add. Details of this folder; not for others.
namespace obscura::plan {

/// Outputs that a strip computes at once.
inline constexpr int strip_outputs = 4;

struct ProductStrip {
    int pixels;  ///< of a strip
    /// sums[o][p] = sum over columns k of weights[k][o] rows[k][first + p], o < strip_outputs, p < pixels.
    void (*multiply)(const float* weights, const float* const* rows, std::size_t columns, int first, float* sums);
};

/// For the baseline of the build.
extern const ProductStrip baseline_strip;
extern const ProductStrip avx2_strip;

/// Those that run on this processor, the slowest first.
std::vector<const ProductStrip*> available_strips();
/// The fastest, unless OBSCURA_ISA asks for scalar kernels.
const ProductStrip& default_strip();

}  // namespace obscura::plan
