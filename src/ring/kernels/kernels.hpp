#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "ring/kernels/lookahead.hpp"
#include "ring/ntt_table.hpp"

/// The arithmetic that takes the time, as a table of functions: one table per instruction set, chosen once at run time.
/// Every variant returns the same words as the scalar one. Pointers are 64-byte aligned unless a count says otherwise,
/// but for the digits, c0 and add0 of key products, which rotations move by any number of words; arrays are residues
/// modulo one prime q < 2^30. "Montgomery product" of a and b means a b / 2^32 mod q.
namespace obscura::ring {

/// Most sources of one base conversion. With centred factors, |y_i f_i| <= q_i/2 q/2, so that the sums over 16 primes
/// below 2^30 - 2^12 and over the small source stay below q 2^32; those that are 1 modulo 2^12 are.
inline constexpr int max_conversion_sources = 16;
/// Most digits of an inner product: 7 products below q^2 plus one constant term keep sums below 2^63.
inline constexpr int max_inner_digits = 7;
/// Outputs of the integer matrix product are computed in blocks of this many; weights are padded with zeros.
inline constexpr int product_block = 4;
/// Where several operations follow one another, they go over rows of N words piece by piece, N / row_pieces words or
/// fewer at a time, so that what one writes is still in the cache when the next one reads it.
inline constexpr int row_pieces = 256;

/// Result of a base conversion for one target prime.
struct ConversionTarget {
    const Modulus* modulus = nullptr;
    const i32* factors = nullptr;  ///< [sources], in (-q/2, q/2]
    i32 small_factor = 0;          ///< factor of the small source, in (-q/2, q/2]
    u32* out = nullptr;
};

/// Packed rows of a matrix product: x = lo + 2^16 hi, lo in [-2^15, 2^15), hi in [0, 2^14], two rows a pair, 2 count
/// words a pair. pack_pair and switch_pair write them and matrix_product reads them; the order within is a variant's
/// own, and another one for another count.
struct Panel {
    const u32* data = nullptr;
    int pairs = 0;
};

/// Where a pair of rows goes: pair `index` of the `pairs` of a panel.
struct PanelPair {
    u32* data = nullptr;
    int pairs = 0;
    int index = 0;
};

/// A row whose key is switched: digits of c1, and c0 or null; all in [0, q).
struct SwitchedRow {
    std::array<const u32*, max_inner_digits> digits = {};
    const u32* c0 = nullptr;
};

/// Limbs, or null, that are read soon after a transform. It computes for longer than it reads, and fetches them into
/// the second-level cache meanwhile.
struct NextLimbs {
    const u32* first = nullptr;
    const u32* second = nullptr;
};

struct Kernels {
    const char* name;
    int min_log_degree;  ///< smallest ring the transforms of this variant handle

    /// The transforms, see the functions below.
    void (*forward)(const NttTable& table, const u32* in, u32* out, const NextLimbs& next);
    void (*inverse)(const NttTable& table, const InverseScale& scale, const u32* in, u32* out, const NextLimbs& next);
    void (*inverse_centred)(const NttTable& table, const InverseScale& scale, const u32* in, i32* out,
                            const NextLimbs& next);

    /// a f mod q, in [0, q); a any 32-bit words.
    void (*scale)(const Modulus& m, Factor f, const u32* a, u32* out, std::size_t count);
    /// The same for a in (-q, q).
    void (*scale_signed)(const Modulus& m, Factor f, const i32* a, u32* out, std::size_t count);
    /// sum + (a f mod q), not reduced; a in (-q, q), sums at most 3q.
    void (*add_scaled)(const Modulus& m, Factor f, const i32* a, u32* sum, std::size_t count);
    /// a + b mod q.
    void (*add)(u32 q, const u32* a, const u32* b, u32* out, std::size_t count);
    /// Montgomery product, in [0, q); a, b in [0, q).
    void (*multiply)(const Modulus& m, const u32* a, const u32* b, u32* out, std::size_t count);

    /// Base conversion: out_t = (sum_i y_i factors_t[i] + small small_factor_t + q_t 2^32) / 2^32 mod q_t, below 3 q_t,
    /// in Montgomery reduction (factors carry the 2^32 where wanted). y_i in (-2^29, 2^29); `small` may be null, else
    /// |small| <= 16. At most max_conversion_sources of them.
    void (*convert)(const i32* const* y, int sources, const i32* small, const ConversionTarget* targets,
                    int target_count, std::size_t begin, std::size_t end);
    /// out = round(sum_i y_i reciprocals[i] / 2^shift), for centred y_i: the quotient that an exact conversion
    /// subtracts. reciprocals[i] = round(2^shift / q_i), which `shift` (33..58, see ring/conversion_bounds.hpp) keeps
    /// below 2^31.
    void (*quotient)(const i32* const* y, const i32* reciprocals, int sources, int shift, i32* out, std::size_t count);

    /// out0 = (constant add0 + sum_j digits_j key0_j) / 2^32, out1 = sum_j digits_j key1_j / 2^32, in [0, q).
    /// digits, keys, constant in [0, q); add0 in [0, q) or null.
    void (*inner_product)(const Modulus& m, const u32* const* digits, const u32* const* key0, const u32* const* key1,
                          int digit_count, const u32* add0, u32 constant, u32* out0, u32* out1, std::size_t count);
    /// The same with the square of a ciphertext (z0, z1), whose z1^2 the digits are: out0 = z0^2 + sum_j digits_j
    /// key0_j / 2^32, out1 = 2 z0 z1 + sum_j digits_j key1_j / 2^32. z0, z1 in [0, q). out0 may be z0, and out1 z1.
    void (*square_inner_product)(const Modulus& m, const u32* const* digits, const u32* const* key0,
                                 const u32* const* key1, int digit_count, const u32* z0, const u32* z1, u32* out0,
                                 u32* out1, std::size_t count);

    /// Packs two rows of residues in [0, q); b may be null (zeros).
    void (*pack_pair)(const u32* a, const u32* b, PanelPair out, std::size_t count);
    /// Switches the keys of one or two rows and packs the results: c0 + sum_j digits_j key0_j / 2^32 to out0,
    /// sum_j digits_j key1_j / 2^32 to out1. keys in [0, q).
    void (*switch_pair)(const Modulus& m, std::span<const SwitchedRow> rows, const u32* const* key0,
                        const u32* const* key1, int digit_count, PanelPair out0, PanelPair out1, std::size_t count);
    /// The same for one row, times a mask: Montgomery products of the two results with `mask` are added to sum0 and
    /// sum1, or replace them if not `add`. mask, sum0, sum1 in [0, q).
    void (*switch_masked)(const Modulus& m, const SwitchedRow& row, const u32* const* key0, const u32* const* key1,
                          int digit_count, const u32* mask, bool add, u32* sum0, u32* sum1, std::size_t count);
    /// Integer matrix product over packed panels: outs[o][n] = sum_k weight[o][k] x[k][n] mod q, in [0, q), for o in
    /// [0, outputs). weights: [ceil(outputs / product_block)][pairs][product_block] pairs of int16, pairs running
    /// through the panels in order. Requires sum_k |weight[o][k]| < 2^16. count is a multiple of 4.
    /// past_caches: outs are read much later, so they may be streamed; they are 64-byte aligned then, and
    /// finish_streams (base/streaming.hpp) makes them visible. What lies `ahead` is fetched meanwhile: the
    /// work is panels x outputs x words.
    void (*product)(const Modulus& m, const Panel* panels, int panel_count, const u32* weights, int outputs,
                    u32* const* outs, bool past_caches, std::size_t count, Lookahead& ahead);

    /// out = (x - v) f + bias mod q, in [0, q); x, bias in [0, q), v below 3 q. out may be x.
    void (*subtract_scale)(const Modulus& m, Factor f, u32 bias, const u32* x, const u32* v, u32* out,
                           std::size_t count);
    /// The same without a bias, as representatives in (-q/2, q/2].
    void (*subtract_scale_centred)(const Modulus& m, Factor f, const u32* x, const u32* v, i32* out, std::size_t count);

    /// The product alone.
    void matrix_product(const Modulus& m, const Panel* panels, int panel_count, const u32* weights, int outputs,
                        u32* const* outs, bool past_caches, std::size_t count) const {
        Lookahead nothing;
        product(m, panels, panel_count, weights, outputs, outs, past_caches, count, nothing);
    }
    /// Coefficients (any values below 4q) to evaluations in [0, q), evaluation order. in == out is allowed.
    void ntt_forward(const NttTable& table, const u32* in, u32* out, const NextLimbs& next = {}) const {
        forward(table, in, out, next);
    }
    /// Evaluations (below 2q) to coefficients times `factor`, in [0, q). in == out is allowed.
    void ntt_inverse(const NttTable& table, const InverseScale& factor, const u32* in, u32* out,
                     const NextLimbs& next = {}) const {
        inverse(table, factor, in, out, next);
    }
    /// As ntt_inverse, with representatives in (-q/2, q/2] (two's complement).
    void ntt_inverse_centred(const NttTable& table, const InverseScale& factor, const u32* in, i32* out,
                             const NextLimbs& next = {}) const {
        inverse_centred(table, factor, in, out, next);
    }
};

/// Always there, and what the others are compared with.
const Kernels& scalar_kernels();
/// Null when this build or this processor lacks the instructions.
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* avx512ifma_kernels();

/// All variants that run on this processor, scalar first, fastest last.
std::vector<const Kernels*> available_kernels();
/// The fastest, or the one named by the environment variable OBSCURA_ISA (scalar, avx2, avx512,
/// avx512ifma).
/// Throws Error(usage) if that names an unknown variant or one that this processor cannot run.
const Kernels& default_kernels();

}  // namespace obscura::ring
