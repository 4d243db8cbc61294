#include <array>

#include "tensor/linear_block.hpp"

/// Merging layers: rotated rows of the source, masked and added up. They give the sums of a matrix product with the
/// identity, at the cost of the rotations alone.
namespace obscura::tensor {

void LinearEngine::merge_piece(Block& block, std::size_t target, const std::vector<int>& targets, std::size_t begin,
                               int worker) {
    const auto& k = context_.kernels();
    const int t = targets[target];
    const auto limb = static_cast<std::size_t>(t);
    const auto& m = context_.modulus(t);
    const auto digits = static_cast<std::size_t>(context_.parameters().digits(block.level));
    const std::size_t own = limb / static_cast<std::size_t>(context_.parameters().digit_limbs());
    const std::size_t piece = block.piece, stride = std::max<std::size_t>(piece, 16);
    auto& scratch = block.piece_scratch[static_cast<std::size_t>(worker)];
    u32* const room = scratch.gathered.data();

    for (const auto& step : block.steps) {
        const u32* const mask = block.mask(step, t) + begin;
        bool add = step.phase > 0;
        for (const auto index : step.rows[chain][0].panels) {  // every term has a row of c0 modulo the chain
            const auto& panel = block.panels[index];
            const auto& column = block.columns[panel.column];
            const bool has_c0 = column.has_c0[target];
            std::array<const u32*, ring::max_inner_digits> b_ptr, a_ptr;
            for (std::size_t d = 0; d < digits && panel.key != nullptr; ++d) {
                b_ptr[d] = panel.key->key.b[d][limb] + begin;
                a_ptr[d] = panel.key->key.a[d][limb] + begin;
            }
            const RowReader reader(column.raised[target], panel.key == nullptr ? nullptr : &panel.key->automorphism,
                                   begin, piece);
            for (std::size_t c = 0; c < static_cast<std::size_t>(block.out_channels()); ++c) {
                const std::size_t first_row = c * column.rows(digits);
                const auto moved = [&](std::size_t r) { return reader.read(first_row + r, room + r * stride); };
                auto& sums = block.sums[step.output * static_cast<std::size_t>(block.out_channels()) + c];
                u32* const to[2] = {sums[0][limb] + begin, sums[1][limb] + begin};
                if (panel.key != nullptr) {
                    ring::SwitchedRow row;
                    if (has_c0) row.c0 = moved(0);
                    for (std::size_t d = 0; d < digits; ++d) row.digits[d] = moved(1 + d);
                    k.switch_masked(m, row, b_ptr.data(), a_ptr.data(), static_cast<int>(digits), mask, add, to[0],
                                    to[1], piece);
                    continue;
                }
                const u32* rows[2] = {has_c0 ? moved(0) : nullptr, nullptr};
                if (column.has_c1[target]) rows[1] = moved(1 + (column.rotated ? own : 0));
                for (std::size_t part = 0; part < 2; ++part) {
                    if (rows[part] == nullptr) {
                        if (!add) std::fill_n(to[part], piece, 0);
                        continue;
                    }
                    u32* const product = add ? scratch.rows.data() + stride : to[part];
                    k.multiply(m, rows[part], mask, product, piece);
                    if (add) k.add(m.q, to[part], product, to[part], piece);
                }
            }
            add = true;
        }
    }
}

}  // namespace obscura::tensor
