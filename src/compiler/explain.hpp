#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "tensor/cost_model.hpp"

/// What running a plan will take, layer by layer, without running it.
namespace obscura::compiler {

struct LayerExplanation {
    std::string name;
    std::string finish;  ///< "square", "none" or "head"
    int channels = 0;
    int height = 0;
    int width = 0;
    int columns = 0;         ///< raster columns of the output layout
    int level = 0;           ///< limbs of the operands
    int rows = 0;            ///< of the matrix product: taps times channels, of all operands
    double scale_bits = 0;   ///< log2 of the rms of z
    double weight_bits = 0;  ///< log2 of the largest |weight|
    double error_bits = 0;   ///< log2 of the predicted rms error of z
    double headroom_bits = 0;
    int ciphertexts_in = 0;
    int ciphertexts_out = 0;
    double rotations = 0;  ///< for each input ciphertext
    int masks = 0;         ///< different ones, of merging and zero padding; 0: nothing is masked
    std::uint64_t output_bytes = 0;
    std::uint64_t server_bytes = 0;  ///< residues in use at the layer's worst moment
    tensor::LayerCost cost;          ///< predicted seconds
};

/// One network of an ensemble.
struct MemberExplanation {
    int layers = 0;
    double seconds = 0;
    std::uint64_t server_bytes = 0;  ///< residues in use at the worst moment of its layers
};

/// A ring, special primes and keys, and the layers that run with them.
struct SegmentExplanation {
    std::string first_layer;
    int ring_degree = 0;
    int limbs = 0;
    int special_limbs = 0;
    int digits = 0;
    double log2_qp = 0;
    int rotation_keys = 0;
    int keys = 0;  ///< with the relinearisation key, and the one that switches to this ring, where there are such
    std::uint64_t key_bytes = 0;  ///< of all of them on the wire
    double seconds = 0;           ///< predicted
};

/// What weights of fewer bits save, by primes of fewer bits.
struct ModulusExplanation {
    double prime_bits = 0;     ///< mean over the primes that rescale
    double weight_bits = 0;    ///< mean over layers that read squares, see CompileOptions::weight_bits
    int full_ring_degree = 0;  ///< with primes of 30 bits instead; 0: no ring degree is secure with them
    int full_special_limbs = 0;
    double full_log2_qp = 0;
};

struct Explanation {
    std::string model;
    int ring_degree = 0;  ///< this and what follows: of the first segment
    int limbs = 0;
    int special_limbs = 0;
    double log2_qp = 0;
    int security_bits = 0;  ///< of all segments
    ModulusExplanation modulus;
    int images = 0;                               ///< a batch
    plan::Cell cell;                              ///< of the input's layout
    std::vector<plan::Alternative> alternatives;  ///< layouts that were weighed, if there was a choice
    std::uint64_t memory_bytes = 0;               ///< residues that the plan may take
    std::optional<plan::CyclicTwin> cyclic_twin;  ///< if any padding is zeros
    std::vector<LayerExplanation> layers;
    std::vector<MemberExplanation> members;  ///< in the order they run; one, unless the plan is an ensemble
    std::vector<SegmentExplanation> segments;
    int rotation_keys = 0;  ///< of all segments
    double seconds = 0;
    double seconds_per_image = 0;
    std::uint64_t server_bytes = 0;   ///< residues in use at the worst moment: keys, feature maps, working room
    std::uint64_t key_bytes = 0;      ///< evaluation keys on the wire
    std::uint64_t request_bytes = 0;  ///< a batch, seeded
    std::uint64_t response_bytes = 0;
    double headroom_bits = 0;    ///< of the layer with the least
    std::string headroom_layer;  ///< that layer
    double score_error_rms = 0;
    double score_error_max = 0;
};

/// The plan must be valid.
Explanation explain(const plan::Plan& plan, const tensor::MachineRates& rates = {});

/// A table for people.
std::string to_text(const Explanation& explanation);

/// A JSON object of all fields.
std::string to_json(const Explanation& explanation);

}  // namespace obscura::compiler
