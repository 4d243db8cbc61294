#pragma once

#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "base/aligned.hpp"
#include "tensor/linear.hpp"
#include "tensor/raised_digits.hpp"
#include "tensor/tile_masks.hpp"

namespace obscura::tensor {

/// Kinds of target limbs.
enum TargetKind : std::size_t { chain = 0, special = 1 };

/// One worker's room for a piece of the product.
struct LinearEngine::PieceScratch {
    AlignedWords panels[2];  ///< packed rows of c0 and c1
    AlignedWords rows;       ///< [4][piece] two rows of c0, two of c1
    AlignedWords gathered;   ///< [2][digits + 1][piece] a pair of channels
    AlignedWords partial;    ///< [out_channels][piece] products to be added
};

/// A source column and the digits of its ciphertexts for the current group of target limbs.
struct LinearEngine::Column {
    int operand = 0;
    int column = 0;
    std::vector<int> shifts;
    bool rotated = false;
    /// [target of the group], rows [channel][c0, then digits]; of the digits only the target's own if not rotated.
    std::vector<RaisedDigits> raised;
    std::vector<bool> has_c0;  ///< [target of the group]: else c0 is zero there, and its rows hold nothing
    std::vector<bool> has_c1;  ///< the same of c1, without rotation

    /// Rows a channel of raised digits has.
    std::size_t rows(std::size_t digits) const { return 1 + (rotated ? digits : 1); }
};

/// Packed rows of one column under one rotation. Steps are done in order and most panels serve only a few of them, so a
/// panel is packed just before its first use and its place is reused after its last.
struct LinearEngine::Panel {
    std::size_t column = 0;  ///< index into columns
    int shift = 0;
    std::size_t offset = 0;  ///< its place: pairs before it
    const ckks::RotationKey* key = nullptr;
};

/// A block of output columns of a layer while it is computed.
struct LinearEngine::Block {
    Block(const plan::Layer& of_layer, std::vector<LinearSource>& of_sources, const Geometry& of_geometry,
          PackedWeights& of_weights, const TileMasks& of_masks)
        : layer(of_layer), sources(of_sources), geometry(of_geometry), weights(of_weights), masks(of_masks) {}

    const plan::Layer& layer;
    std::vector<LinearSource>& sources;
    const Geometry& geometry;
    PackedWeights& weights;
    const TileMasks& masks;
    int level = 0;
    int dropped = 0;
    bool sum_columns = false;      ///< a head: all output columns add up to one
    bool continues = false;        ///< a head's later block: add to what is there
    bool merges = false;           ///< masked rows of the source are added up, without a matrix product
    std::span<const int> outputs;  ///< output columns

    std::vector<Column> columns;
    /// A column of a map that nothing reads after this block. Once all have been raised modulo a prime, its limbs there
    /// are free, except those of c1 that other primes' digits are lifted from.
    struct LastRead {
        FeatureMap* map = nullptr;
        int column = 0;
        bool rotated = false;
        bool added = false;  ///< read by the division as well
    };
    std::vector<LastRead> last_reads;
    int part_log = 0;  ///< log2 of the words of a part of raised digits: no rotation divides one if it can be helped

    std::vector<Panel> panels;
    std::size_t room_pairs = 0;  ///< places for panels, in pairs of rows

    /// What one matrix product reads for one half of the ciphertext: panels and their weights.
    struct Row {
        std::vector<std::size_t> panels;
        const std::uint32_t* weights = nullptr;
    };
    /// One phase of an output column; the phases of a column add up.
    struct Step {
        using Constants = std::vector<std::uint32_t>;  ///< [out_channels], all zero where empty
        std::size_t output = 0;                        ///< index into outputs
        int column = 0;
        int phase = 0;
        std::vector<Term> terms;
        std::vector<std::size_t> fresh;               ///< panels first used here
        std::array<std::array<Row, 2>, 2> rows = {};  ///< [chain or special target][c0 or c1]
        std::vector<std::int64_t> shift;              ///< [out_channels] to be added, in units of z; empty: nothing
        std::vector<Constants> constants;             ///< [target of the group] the same as added to the product of c0
    };
    std::vector<Step> steps;

    std::size_t piece = 0;  ///< words of a piece
    /// Pieces in the order of the product: those that a rotation by one tile sends to each other are neighbours, so
    /// that what one rotation reads is still in the caches when another one reads it.
    std::vector<std::size_t> order;
    std::size_t run = 1;                      ///< pieces that a task takes: long enough to be worth handing out
    std::vector<PieceScratch> piece_scratch;  ///< [worker]

    std::vector<std::array<ckks::Poly, 2>> sums;    ///< [index into outputs][out channel], limbs()
    std::vector<std::array<ckks::Limb, 2>> smalls;  ///< quotients of the division

    /// Fills in last_reads; `last_uses` of the layer's output columns, of which this block ends before number `end`.
    void find_last_reads(const LastUses& last_uses, std::size_t end);
    /// Frees what was raised modulo these primes, and with the block's last ones everything that it reads last; what is
    /// added only if `divided`, the rest only if not.
    void free_read(const std::vector<int>& targets, bool are_last, bool divided);
    /// What the division adds to a part of an output.
    ckks::Addend addend(int column, std::size_t channel, std::size_t part) const;
    void add_borders(Step& step) const;
    void place_panels(const std::map<std::pair<SourceColumn, int>, std::size_t>& panel_of);
    int out_channels() const { return layer.out_channels; }
    const ColumnPhase& phase(const Step& step) const {
        return geometry.output_columns[static_cast<std::size_t>(step.column)]
            .phases[static_cast<std::size_t>(step.phase)];
    }
    /// The mask of a step's products modulo a limb; null if the layer is not masked.
    const std::uint32_t* mask(const Step& step, int limb) const {
        return geometry.masks.empty() ? nullptr : masks.at(phase(step).mask, limb);
    }
    /// What is added to z in all tiles: the bias, and the column's borders.
    std::int64_t bias(int column, std::size_t channel) const {
        if (layer.finish != plan::Finish::square) return 0;
        std::int64_t sum = std::llround(layer.bias[channel]);
        for (const int b : geometry.output_columns[static_cast<std::size_t>(column)].borders) sum += border(b, channel);
        return sum;
    }
    std::int64_t border(int index, std::size_t channel) const {
        return std::llround(layer.borders[static_cast<std::size_t>(index)].shift[channel]);
    }
    const ckks::Operand& operand(const Column& c, int channel) const {
        const auto& map = *sources[static_cast<std::size_t>(c.operand)].map;
        return map.ready[map.at(c.column, channel)];
    }
    int channels(const Column& c) const { return sources[static_cast<std::size_t>(c.operand)].map->channels; }
};

}  // namespace obscura::tensor
