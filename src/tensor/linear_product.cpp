#include <algorithm>
#include <bit>
#include <chrono>
#include <tuple>

#include "base/streaming.hpp"
#include "tensor/linear_block.hpp"

/// The integer matrix product of a block and the key products that feed it, piece by piece.
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

/// x + constant mod q.
void add_constant(u32 q, u32 constant, u32* x, std::size_t count) {
    const u32 wrap = constant - q;
    for (std::size_t i = 0; i < count; ++i) x[i] = std::min(x[i] + constant, x[i] + wrap);
}

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
                    // an unrotated c1 stands for P c1, which is zero modulo the special primes; so does c0 unless it
                    // was relinearised
                    const bool has_special =
                        block.operand(column, 0).extended0[static_cast<std::size_t>(context_.levels())] != nullptr;
                    if (kind == special && term.shift == 0 && (part == 1 || !has_special)) continue;
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

/// A product still holds P q z, over P modulo the chain: so does the constant. It is zero modulo the special primes and
/// q.
void LinearEngine::set_constants(Block& block, const std::vector<int>& targets) const {
    const u32 divisor = context_.prime(block.layer.rescale_limb());
    for (auto& step : block.steps) {
        step.constants.assign(targets.size(), {});
        for (std::size_t k = 0; !step.shift.empty() && k < targets.size(); ++k) {
            if (targets[k] >= context_.levels()) continue;
            const auto& m = context_.modulus(targets[k]);
            const u32 unit = divisor % m.q;
            for (const auto shift : step.shift)
                step.constants[k].push_back(ring::mul_mod(ring::reduce_signed(shift, m.q), unit, m.q));
        }
    }
}

void LinearEngine::multiply(Block& block, const std::vector<int>& targets) {
    const auto start = std::chrono::steady_clock::now();
    set_constants(block, targets);
    const std::size_t runs = block.order.size() / block.run;
    threads_.parallel_for(static_cast<std::int64_t>(targets.size() * runs), [&](std::int64_t i, int worker) {
        const auto target = static_cast<std::size_t>(i) / runs, first = static_cast<std::size_t>(i) % runs * block.run;
        for (std::size_t p = first; p < first + block.run; ++p)
            if (block.merges)
                merge_piece(block, target, targets, block.order[p] * block.piece, worker);
            else
                multiply_piece(block, target, targets, block.order[p] * block.piece, worker);
        finish_streams();
    });
    times_.product += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void LinearEngine::multiply_piece(Block& block, std::size_t target, const std::vector<int>& targets, std::size_t begin,
                                  int worker) {
    const auto& k = context_.kernels();
    const int t = targets[target];
    const auto limb = static_cast<std::size_t>(t);
    const auto& m = context_.modulus(t);
    const TargetKind kind = t < context_.levels() ? chain : special;
    const std::size_t piece = block.piece, stride = std::max<std::size_t>(piece, 16);
    auto& scratch = block.piece_scratch[static_cast<std::size_t>(worker)];

    std::vector<ring::Panel> list;
    std::vector<u32*> outs(static_cast<std::size_t>(block.out_channels()));
    for (const auto& step : block.steps) {
        for (const auto index : step.fresh) pack_panel(block, block.panels[index], target, targets, begin, scratch);
        const bool add = step.phase > 0 || (block.sum_columns && (block.continues || step.output > 0));
        const u32* mask = block.mask(step, t);
        const bool apart = add || mask != nullptr;
        const std::size_t first = block.sum_columns ? 0 : step.output * outs.size();
        for (std::size_t part = 0; part < 2; ++part) {
            const auto& row = step.rows[kind][part];
            const auto sum = [&](std::size_t o) { return block.sums[first + o][part][limb] + begin; };
            list.clear();
            for (const auto p : row.panels) {
                const auto& panel = block.panels[p];
                list.push_back({scratch.panels[part].data() + panel.offset * 2 * piece,
                                PackedWeights::pairs(block.channels(block.columns[panel.column]))});
            }
            const u32* constants =
                part == 0 && !step.constants[target].empty() ? step.constants[target].data() : nullptr;
            if (list.empty() && constants == nullptr) {
                for (std::size_t o = 0; !add && o < outs.size(); ++o) std::fill_n(sum(o), piece, 0);
                continue;
            }
            for (std::size_t o = 0; o < outs.size(); ++o)
                outs[o] = apart ? scratch.partial.data() + o * stride : sum(o);
            if (list.empty())
                for (auto* out : outs) std::fill_n(out, piece, 0);
            else
                k.matrix_product(m, list.data(), static_cast<int>(list.size()), row.weights, block.out_channels(),
                                 outs.data(), !apart, piece);
            for (std::size_t o = 0; apart && o < outs.size(); ++o) {
                if (constants != nullptr) add_constant(m.q, constants[o], outs[o], piece);
                if (mask != nullptr) k.multiply(m, outs[o], mask + begin, add ? outs[o] : sum(o), piece);
                if (add) k.add(m.q, sum(o), outs[o], sum(o), piece);
            }
        }
    }
}

void LinearEngine::pack_panel(const Block& block, const Panel& panel, std::size_t target,
                              const std::vector<int>& targets, std::size_t begin, PieceScratch& scratch) {
    const auto& k = context_.kernels();
    const int t = targets[target];
    const auto limb = static_cast<std::size_t>(t);
    const auto& m = context_.modulus(t);
    const bool is_chain = t < context_.levels();
    const auto digits = static_cast<std::size_t>(context_.parameters().digits(block.level));
    const std::size_t own = limb / static_cast<std::size_t>(context_.parameters().digit_limbs());
    const std::size_t piece = block.piece, stride = std::max<std::size_t>(piece, 16);
    const auto& column = block.columns[panel.column];
    const int channels = block.channels(column);

    const RowReader reader(column.raised[target], panel.key == nullptr ? nullptr : &panel.key->automorphism, begin,
                           piece);
    const auto pairs = PackedWeights::pairs(channels);
    const auto place = [&](std::size_t part, int c) {
        return ring::PanelPair{scratch.panels[part].data() + panel.offset * 2 * piece, pairs, c / 2};
    };
    const auto first_row = [&](int c) { return static_cast<std::size_t>(c) * column.rows(digits); };  // c0's
    const bool has_c0 = column.has_c0[target];

    if (panel.shift == 0) {
        for (int c = 0; c < channels; c += 2) {
            const int count = std::min(2, channels - c);
            const u32* rows[2][2] = {};  // [c0 or c1][channel of the pair]
            for (int i = 0; i < count; ++i) {
                const auto at = static_cast<std::size_t>(i);
                u32* out0 = scratch.rows.data() + at * stride;
                u32* out1 = scratch.rows.data() + (2 + at) * stride;
                if (has_c0) rows[0][at] = reader.read(first_row(c + i), out0);
                if (!is_chain) continue;
                const std::size_t row = first_row(c + i) + 1 + (column.rotated ? own : 0);
                rows[1][at] = reader.read(row, out1);
            }
            for (std::size_t part = 0; part < 2; ++part)
                if (rows[part][0] != nullptr) k.pack_pair(rows[part][0], rows[part][1], place(part, c), piece);
        }
        return;
    }

    const auto& rotation = *panel.key;
    std::array<const u32*, ring::max_inner_digits> b_ptr, a_ptr;
    for (std::size_t d = 0; d < digits; ++d) {
        b_ptr[d] = rotation.key.b[d][limb] + begin;
        a_ptr[d] = rotation.key.a[d][limb] + begin;
    }
    std::array<ring::SwitchedRow, 2> rows;
    for (int c = 0; c < channels; c += 2) {
        const int count = std::min(2, channels - c);
        u32* room = scratch.gathered.data();
        for (int i = 0; i < count; ++i) {
            auto& row = rows[static_cast<std::size_t>(i)];
            const auto moved = [&](std::size_t r) {
                const u32* words = reader.read(first_row(c + i) + r, room);
                room += stride;
                return words;
            };
            if (has_c0) row.c0 = moved(0);
            for (std::size_t d = 0; d < digits; ++d) row.digits[d] = moved(1 + d);
        }
        k.switch_pair(m, std::span(rows).first(static_cast<std::size_t>(count)), b_ptr.data(), a_ptr.data(),
                      static_cast<int>(digits), place(0, c), place(1, c), piece);
    }
}

}  // namespace obscura::tensor
