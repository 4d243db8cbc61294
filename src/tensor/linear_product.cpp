#include <algorithm>
#include <chrono>

#include "base/streaming.hpp"
#include "tensor/linear_block.hpp"

/// The integer matrix product of a block and the key products that feed it, piece by piece.
namespace obscura::tensor {

namespace {

/// x + constant mod q.
void add_constant(u32 q, u32 constant, u32* x, std::size_t count) {
    const u32 wrap = constant - q;
    for (std::size_t i = 0; i < count; ++i) x[i] = std::min(x[i] + constant, x[i] + wrap);
}

}  // namespace

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
        std::vector<ring::Lookahead::Run> upcoming;
        for (std::size_t p = first; p < first + block.run; ++p)
            if (block.merges) {
                merge_piece(block, target, targets, block.order[p] * block.piece, worker);
            } else {
                upcoming.clear();
                if (p + 1 < first + block.run) add_runs(block, target, block.order[p + 1] * block.piece, upcoming);
                multiply_piece(block, target, targets, block.order[p] * block.piece, worker, upcoming);
            }
        finish_streams();
    });
    times_.product += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void LinearEngine::add_runs(const Block& block, std::size_t target, std::size_t begin,
                            std::vector<ring::Lookahead::Run>& runs) const {
    for (const auto& step : block.steps)
        for (const auto index : step.fresh) {
            const auto& panel = block.panels[index];
            RowReader(block.columns[panel.column].raised[target],
                      panel.key == nullptr ? nullptr : &panel.key->automorphism, begin, block.piece)
                .add_runs(runs);
        }
}

void LinearEngine::multiply_piece(Block& block, std::size_t target, const std::vector<int>& targets, std::size_t begin,
                                  int worker, std::span<const ring::Lookahead::Run> upcoming) {
    const auto& k = context_.kernels();
    const int t = targets[target];
    const auto limb = static_cast<std::size_t>(t);
    const auto& m = context_.modulus(t);
    const TargetKind kind = t < context_.levels() ? chain : special;
    const std::size_t piece = block.piece, stride = std::max<std::size_t>(piece, 16);
    auto& scratch = block.piece_scratch[static_cast<std::size_t>(worker)];

    std::size_t products = 0;
    for (const auto& step : block.steps)
        for (const auto& row : step.rows[kind]) products += row.panels.size();
    ring::Lookahead ahead(upcoming, products * static_cast<std::size_t>(block.out_channels()) * piece);
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
                k.product(m, list.data(), static_cast<int>(list.size()), row.weights, block.out_channels(), outs.data(),
                          !apart, piece, ahead);
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
                if (!column.has_c1[target]) continue;
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
