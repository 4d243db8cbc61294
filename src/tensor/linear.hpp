#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.hpp"
#include "tensor/feature_map.hpp"
#include "tensor/geometry.hpp"
#include "tensor/packed_weights.hpp"

/// One linear layer on encrypted feature maps: squares its inputs, rotates them, multiplies by integer weights,
/// rescales.
///
/// The product runs over the extended basis QP (double hoisting, Bossuat et al., ePrint 2020/1203, section 5; see
/// ckks::Operand): key switching results are not divided by P before they are multiplied and summed, only the few
/// outputs are, together with the rescaling. Work proceeds by blocks of output columns; within a block by groups of
/// target limbs; within a group, first the digits of the rotated inputs are lifted and transformed, ciphertext by
/// ciphertext, then key products and the matrix product run piece by piece over short ranges of evaluation points, so
/// that keys and packed rows stay in the caches.
namespace obscura::tensor {

using ckks::Limb;
using ckks::u32;

/// Seconds of wall time by kind of work.
struct LinearTimes {
    double relinearise = 0;
    double rotate = 0;
    double product = 0;
    double finish = 0;
};

/// One source of a layer.
struct LinearSource {
    FeatureMap* map = nullptr;
    std::vector<bool>
        keep;  ///< [columns] columns that later layers still read; the others are released as soon as possible
    std::vector<bool> rotated;  ///< [columns] columns that any layer rotates
};

struct LinearOptions {
    int block_columns = 8;  ///< output columns of a block: more take more memory, fewer repeat more work at block edges
    int group_limbs = 4;    ///< target limbs of a group: more take more memory, fewer read the digits more often;
                            ///< at most SwitchScratch::group
};

/// What a layer's output is prepared for: the segment that reads it.
struct LinearTarget {
    const ckks::Context& context;
    const ckks::Context* bridge = nullptr;       ///< of ckks::ring_switch_parameters; null: the ring stays the same
    const ckks::EvaluationKeys* keys = nullptr;  ///< of the switch
};

class LinearEngine {
  public:
    /// `keys` of the layer's own segment. All must outlive the engine.
    LinearEngine(const ckks::Context& context, const ckks::EvaluationKeys& keys, const LinearTarget& target,
                 ckks::LimbPool& pool, ThreadPool& threads);

    /// Runs the layer for the `wanted` columns of its output (all of a head's); the result has Layer::output_level
    /// limbs. Finish::square: it is pending. Finish::none: ready. Finish::head: pending, one column of out_channels
    /// class scores in every valid tile. `progress(fraction)` is called between blocks and may throw to stop.
    FeatureMap run(const plan::Layer& layer, std::vector<LinearSource>& sources, const plan::Layout& output,
                   std::span<const int> wanted, const LinearOptions& options,
                   const std::function<void(double fraction)>& progress);

    const LinearTimes& times() const { return times_; }

  private:
    struct Column;
    struct Block;
    struct Panel;
    struct PieceScratch;
    void prepare_columns(std::vector<LinearSource>& sources, const Block& block);
    void arrange(Block& block);
    void order_pieces(Block& block) const;
    void raise_digits(Block& block, const std::vector<int>& targets);
    void raise_channels(Block& block, Column& column, int first, int last, const std::vector<int>& targets,
                        ckks::SwitchScratch& scratch);
    void set_constants(Block& block, const std::vector<int>& targets) const;
    void multiply(Block& block, const std::vector<int>& targets);
    /// Where the rows that a piece reads lie, in the order in which they are read.
    void add_runs(const Block& block, std::size_t target, std::size_t begin,
                  std::vector<ring::Lookahead::Run>& runs) const;
    void multiply_piece(Block& block, std::size_t target, const std::vector<int>& targets, std::size_t begin,
                        int worker, std::span<const ring::Lookahead::Run> upcoming);
    void merge_piece(Block& block, std::size_t target, const std::vector<int>& targets, std::size_t begin, int worker);
    void pack_panel(const Block& block, const Panel& panel, std::size_t target, const std::vector<int>& targets,
                    std::size_t begin, PieceScratch& scratch);
    void divide_sources(Block& block);
    void divide(Block& block, const std::vector<int>& targets);
    void switch_rings(const plan::Layer& layer, std::vector<ckks::Ciphertext>& outputs, const Block& block);
    void sum_tiles(std::vector<ckks::Ciphertext>& scores, const plan::Layout& layout);

    const ckks::Context& context_;
    const ckks::EvaluationKeys& keys_;
    LinearTarget target_;
    ckks::LimbPool& pool_;
    ThreadPool& threads_;
    std::vector<std::unique_ptr<ckks::SwitchScratch>> scratch_;
    LinearTimes times_;
};

}  // namespace obscura::tensor
