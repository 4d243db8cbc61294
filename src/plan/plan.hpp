#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ckks/parameters.hpp"
#include "plan/padding.hpp"

/// The plan is the contract between client and server: parameters, input encoding, layers with integer weights,
/// levels, scales and the rotation keys needed. The compiler makes it, everything else only reads it.
namespace obscura::plan {

/// One group of rows of a layer's integer matrix product: a convolution over the output of an earlier layer.
struct Operand {
    int source = -1;   ///< layer whose output is read; -1 is the encrypted input
    int channels = 0;  ///< channels of the source
    int stride = 1;    ///< output pixel (y, x) is centred on source pixel (stride*y, stride*x); 1 or 2
    std::vector<Tap> taps;
    std::vector<std::int16_t> weights;  ///< [out_channels][taps][channels]
    Padding padding = Padding::raster;
};

/// What follows the integer matrix product of a layer.
enum class Finish : int {
    square = 0,  ///< rescale by the last prime, add the bias, square: one level
    none = 1,    ///< nothing (a pooling with integer weights): no level, no bias
    head = 2,    ///< sum over all pixels: the class scores; no level, the bias is added by the client
};

/// One linear layer and what follows it.
///
/// Integers held in slots: `u` denotes a layer's output (a square, or the input), `z` the value before the square:
///     z[o] = (sum over operands, taps, channels of weight * u) / q + bias[o] + (sum of shift[o] over the borders whose
///            tap is outside of the image),   u = z^2     (Finish::square)
/// A Finish::head layer holds sum of weight * u, summed over the pixels as well; score = that / output_scale[o] +
/// bias[o].
///
/// Where a stride would leave idle tiles, a layer may merge: its output takes another layout (Layout in layout.hpp).
/// Then, and where zero padding is outside of the image for some tiles of a column and not for others, a layer is
/// masked: it adds up several products, each multiplied by a mask of zeros and ones that selects tiles. Masks are
/// scaled by the chain prime level-1, which the result is then divided by. q is the prime below it.
struct Layer {
    std::string name;
    Finish finish = Finish::square;
    int out_channels = 0;
    int height = 0;  ///< of the output, before the sum over pixels of a head
    int width = 0;
    int level = 0;                  ///< limbs of the operands while the layer runs; see output_level
    int merged_run = 0;             ///< not 0: the output's tiles are merged into runs of this many pixels (see above)
    bool masked = false;            ///< products are masked: as merged_run or zero padding demands (see above)
    std::vector<Operand> operands;  ///< the convolution first, then residual rows
    std::vector<double>
        bias;  ///< [out_channels]; units of z (Finish::square), of scores (Finish::head), unused otherwise
    std::vector<Border> borders;       ///< Finish::square only; units of z, rounded one by one
    std::vector<double> output_scale;  ///< [out_channels]; integer z (or head sum) per unit of the real network's value
    double peak = 0;                   ///< largest |z| seen in calibration, in units of z (head: of the sum)
    double rms = 0;                    ///< rms of z in calibration, same units
    double predicted_error = 0;        ///< rms of the error that the encryption noise causes in z, same units

    /// Primes that the layer's products are divided by: chain primes level-1 downwards.
    int dropped() const { return (finish == Finish::square ? 1 : 0) + (masked ? 1 : 0); }
    /// Limbs of the output.
    int output_level() const { return level - dropped(); }
    /// Index of q, the prime that divides z. A masked layer is divided by its masks' scale, the prime above, as well.
    int rescale_limb() const { return output_level(); }
};

/// Does the operand (an Operand, or a RealOperand) give each output channel a multiple of the same channel, pixel by
/// pixel, as the shortcuts of residual networks do?
template <class AnyOperand>
bool is_diagonal(const AnyOperand& operand, int out_channels) {
    if (operand.stride != 1 || operand.channels != out_channels || operand.taps != std::vector<Tap>{{0, 0}})
        return false;
    const auto channels = static_cast<std::size_t>(operand.channels);
    for (std::size_t i = 0; i < operand.weights.size(); ++i)
        if (operand.weights[i] != 0 && i / channels != i % channels) return false;
    return true;
}

/// Does the layer give the channels of its only operand as they are? Then it needs no matrix product.
bool is_identity(const Layer& layer);

/// The pixels of an image that a tile holds, one a ciphertext column: a rectangle.
struct Cell {
    int height = 1;
    int width = 1;
    int pixels() const { return height * width; }
    bool operator==(const Cell&) const = default;
};

/// How plain 8-bit pixels become slots: slot = (pixel - mean[c]) * factor[c], rounded at encryption.
struct InputEncoding {
    int channels = 0;
    int height = 0;
    int width = 0;
    std::vector<double> mean;    ///< [channels], in pixel units 0..255
    std::vector<double> factor;  ///< [channels], normalisation and scale in one
};

/// A rotation key the server needs: slot j of the result is slot j + step of the operand (cyclic, N slots).
struct RotationKeyRequest {
    int step = 0;   ///< in slots, 1..N-1
    int level = 0;  ///< highest number of limbs it is used at
    bool operator==(const RotationKeyRequest&) const = default;
};

/// A layout that the planner weighed, with what it predicted.
struct Alternative {
    Cell cell;
    int batch = 0;                   ///< images at once
    double seconds = 0;              ///< for such a batch
    std::uint64_t memory_bytes = 0;  ///< residues on the server
    std::uint64_t key_bytes = 0;     ///< evaluation keys on the wire
    bool operator==(const Alternative&) const = default;
};

/// What the network of a plan would take if its zero padding were cyclic, by as many rows as suit cells of as many
/// pixels best.
struct CyclicTwin {
    int log_degree = 0;
    int limbs = 0;
    double log2_qp = 0;
    Alternative layout;
    bool operator==(const CyclicTwin&) const = default;
};

/// Consecutive layers that run in one ring, with one set of special primes and keys.
///
/// As the modulus shrinks, fewer special primes and a smaller ring are enough for the same security. A layer whose
/// output is read in a smaller ring merges its tiles into the first slots and leaves the others empty, or holds several
/// copies, and then switches the ciphertexts to the secret of that ring (ckks/ring_switch.hpp). If it squares, it
/// rescales only there: switching adds errors as large as a key switch's, which would be seen in z.
struct Segment {
    int first_layer = 0;
    /// The chain is the lower part of the first segment's, as many primes as the segment's operands have limbs.
    ckks::ParametersLiteral parameters;
    int relinearisation_level = 0;  ///< highest number of limbs a square is relinearised at; 0: there is none
    std::vector<RotationKeyRequest> rotation_keys;
};

struct Plan {
    std::string model;                                        ///< the network's name
    std::vector<Segment> segments = std::vector<Segment>(1);  ///< at least one; rings never grow
    Cell cell;       ///< of the input layout: tiles T = H*W / pixels of a cell, images a ciphertext B = N/T/copies
    int copies = 1;  ///< of the images in a ciphertext of the first ring (layout.hpp); smaller rings hold fewer
    InputEncoding input;
    std::vector<Layer> layers;                   ///< in execution order; the last is the head
    std::vector<std::string> class_names;        ///< empty, or one per score
    std::uint64_t memory_bytes = 4'936'000'000;  ///< residues that the server is to keep within
    std::vector<Alternative> alternatives;       ///< what the layout was chosen from, if it was
    std::optional<CyclicTwin> cyclic_twin;       ///< if any padding is zeros
    double calibration_headroom_bits = 0;  ///< log2 of (largest |z| the modulus holds / largest seen), worst layer
    double predicted_score_error_rms = 0;  ///< of the class scores against the plain integer network, by simulation
    double predicted_score_error_max = 0;  ///< largest one in that simulation

    /// Of the first segment, and so of the encrypted input; its chain holds the primes of all.
    const ckks::ParametersLiteral& parameters() const { return segments.front().parameters; }
    /// Index of the segment that a layer runs in.
    std::size_t segment_of(std::size_t layer) const;
    /// Index of the segment whose layers read a layer's output, its own if it is the head.
    std::size_t reading_segment(std::size_t layer) const;
    /// Does the output of a layer go to a smaller ring?
    bool switches_ring(std::size_t layer) const;

    /// Images one ciphertext batch holds: N / T / copies.
    int batch() const;
    /// SHA-256 over everything above, lower-case hex: ties keys, requests and results to the plan.
    std::string digest() const;
};

/// The most limbs that a segment squares and relinearises at, where it reads squares; else 0.
int highest_square(const Plan& plan, std::size_t segment);

/// Checks everything that execution relies on: shapes, sources earlier than use, levels that fall by one where the
/// finish says so, weights whose sums fit the 32-bit accumulators, known layouts, keys that cover every rotation, maps
/// that are read in one segment only.
/// Throws Error(format) naming the layer and the numbers.
void validate(const Plan& plan);

}  // namespace obscura::plan
