#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

#include "tensor/linear_block.hpp"

/// What a block multiplies, and in which order: steps, the panels that each is the first to need and the places of
/// these, pieces.
namespace obscura::tensor {

namespace {

/// Packed rows of a piece should stay in the second-level cache.
constexpr std::size_t panel_bytes = std::size_t{336} << 10;
/// Unless rotations move fewer than smallest_direct_part words together (fewer images a tile than that).
constexpr std::size_t scattered_panel_bytes = std::size_t{1} << 20;
constexpr std::size_t smallest_piece = 16;
/// Words of a part of raised digits: long enough for reading in long runs, and no longer than a piece needs.
constexpr std::size_t largest_part = 64;
/// Rotations that move smaller parts gather them into scratch rows.
constexpr std::size_t smallest_direct_part = 32;
constexpr std::size_t gathered_part = 16;

using PanelIndex = std::map<std::pair<SourceColumn, int>, std::size_t>;

}  // namespace

void LinearEngine::Block::add_borders(Step& step) const {
    for (const int b : phase(step).borders) {
        step.shift.resize(static_cast<std::size_t>(out_channels()), 0);
        for (std::size_t o = 0; o < step.shift.size(); ++o) step.shift[o] -= border(b, o);
    }
}

void LinearEngine::Block::place_panels(const std::map<std::pair<SourceColumn, int>, std::size_t>& panel_of) {
    constexpr std::size_t unused = SIZE_MAX;
    std::vector<std::size_t> last_use(panels.size(), unused);
    for (std::size_t i = 0; i < steps.size(); ++i)
        for (const auto& term : steps[i].terms) {
            const auto index = panel_of.at({{term.operand, term.column}, term.shift});
            if (last_use[index] == unused) steps[i].fresh.push_back(index);
            last_use[index] = i;
        }
    const auto pairs_of = [&](std::size_t index) {
        return static_cast<std::size_t>(PackedWeights::pairs(channels(columns[panels[index].column])));
    };
    std::map<std::size_t, std::vector<std::size_t>> vacant;  // by size in pairs
    for (std::size_t i = 0; i < steps.size(); ++i) {
        for (const auto index : steps[i].fresh) {
            auto& places = vacant[pairs_of(index)];
            if (places.empty()) {
                places.push_back(room_pairs);
                room_pairs += pairs_of(index);
            }
            panels[index].offset = places.back();
            places.pop_back();
        }
        for (std::size_t index = 0; index < panels.size(); ++index)
            if (last_use[index] == i) vacant[pairs_of(index)].push_back(panels[index].offset);
    }
}

void LinearEngine::arrange(Block& block) {
    const auto digits = static_cast<std::size_t>(context_.parameters().digits(block.level));
    PanelIndex panel_of;
    for (std::size_t c = 0; c < block.columns.size(); ++c) {
        const auto& column = block.columns[c];
        for (const int shift : column.shifts) {
            const auto* key =
                shift == 0
                    ? nullptr
                    : &keys_.rotation(shift * block.sources[static_cast<std::size_t>(column.operand)].map->layout.batch,
                                      block.level);
            panel_of[{{column.operand, column.column}, shift}] = block.panels.size();
            block.panels.push_back({c, shift, 0, key});
        }
    }
    // phase by phase, because neighbouring columns share most panels of a phase
    std::map<std::pair<int, std::size_t>, Block::Step> steps;
    for (std::size_t o = 0; o < block.outputs.size(); ++o) {
        for (int phase = 0; phase < block.geometry.phases(block.outputs[o]); ++phase) steps[{phase, o}] = {};
        for (const auto& term : block.geometry.terms[static_cast<std::size_t>(block.outputs[o])])
            steps[{term.phase, o}].terms.push_back(term);
    }
    for (auto& [at, step] : steps) {
        std::tie(step.phase, step.output) = at;
        step.column = block.outputs[step.output];
        block.add_borders(step);
        block.steps.push_back(std::move(step));
    }
    if (!block.merges) block.place_panels(panel_of);
    for (auto& step : block.steps)
        for (const std::size_t kind : {chain, special})
            for (std::size_t part = 0; part < 2; ++part) {
                auto& row = step.rows[kind][part];
                std::vector<std::pair<int, int>> used;
                for (const auto& term : step.terms) {
                    const auto index = panel_of.at({{term.operand, term.column}, term.shift});
                    const auto& column = block.columns[block.panels[index].column];
                    // without a rotation c0 and c1 stand for P c0 and P c1, which are zero modulo the special primes
                    // unless they come from a relinearisation and were not divided
                    const auto& operand = block.operand(column, 0);
                    const auto& extended = part == 0 ? operand.extended0 : operand.extended1;
                    const bool has_special = (part == 0 || !operand.has_digits()) &&
                                             extended[static_cast<std::size_t>(context_.levels())] != nullptr;
                    if (kind == special && term.shift == 0 && !has_special) continue;
                    row.panels.push_back(index);
                    used.emplace_back(term.operand, term.tap);
                }
                row.weights = block.weights.pack(used);
            }

    const std::size_t chunk = context_.degree() / ring::row_pieces;
    std::size_t moved = largest_part;
    for (const auto& panel : block.panels)
        if (panel.key != nullptr) moved = std::min(moved, panel.key->automorphism.part_words());
    const bool scattered = moved < smallest_direct_part;
    const std::size_t part = std::min(chunk, scattered ? gathered_part : moved);
    block.part_log = std::countr_zero(part);
    const std::size_t most_bytes = scattered ? scattered_panel_bytes : panel_bytes;
    block.piece = scattered ? chunk : part;
    while (block.piece > smallest_piece && block.room_pairs * 2 * block.piece * sizeof(u32) * 2 > most_bytes)
        block.piece /= 2;
    order_pieces(block);
    for (int i = 0; i < threads_.size(); ++i) {
        PieceScratch scratch;
        for (auto& panels : scratch.panels) panels = AlignedWords(block.room_pairs * 2 * block.piece);
        const std::size_t stride = std::max<std::size_t>(block.piece, 16);
        scratch.rows = AlignedWords(4 * stride);
        scratch.gathered = AlignedWords(2 * (digits + 1) * stride);
        scratch.partial = AlignedWords(static_cast<std::size_t>(block.out_channels()) * stride);
        block.piece_scratch.push_back(std::move(scratch));
    }
}

void LinearEngine::order_pieces(Block& block) const {
    const std::size_t pieces = context_.degree() / block.piece;
    const auto one_tile =
        ring::make_automorphism(context_.parameters().log_degree(), block.sources.front().map->layout.batch);
    const bool whole = one_tile.part_words() >= block.piece;
    std::vector<bool> seen(pieces);
    for (std::size_t start = 0; start < pieces; ++start)
        for (std::size_t p = start; !seen[p]; p = whole ? one_tile.word_of(p * block.piece) / block.piece : p) {
            seen[p] = true;
            block.order.push_back(p);
        }
    const auto tiles = static_cast<std::size_t>(block.sources.front().map->layout.tiles);
    block.run = whole && tiles < pieces ? tiles : std::max<std::size_t>(1, pieces / 64);
}

}  // namespace obscura::tensor
