#include <algorithm>
#include <cassert>

#include "ckks/ring_switch.hpp"
#include "tensor/linear_block.hpp"
#include "tensor/stopwatch.hpp"

/// What becomes of a block's sums: division by P and the layer's primes, the switch to a smaller ring, the sum over the
/// tiles of a head.
namespace obscura::tensor {

ckks::Addend LinearEngine::Block::addend(int column, std::size_t channel, std::size_t part) const {
    if (!geometry.addend) return {};
    const auto operand = static_cast<std::size_t>(geometry.addend->operand);
    const auto& factors = layer.operands[operand].weights;
    const auto& map = *sources[operand].map;
    const int from = geometry.addend->columns[static_cast<std::size_t>(column)];
    return {&map.ready[map.at(from, static_cast<int>(channel))], static_cast<int>(part),
            factors[channel * static_cast<std::size_t>(map.channels) + channel]};
}

void LinearEngine::divide_sources(Block& block) {
    const Stopwatch watch(times_.finish);
    block.smalls.resize(block.sums.size());
    threads_.parallel_for(static_cast<std::int64_t>(2 * block.sums.size()), [&](std::int64_t i, int) {
        const auto output = static_cast<std::size_t>(i / 2), part = static_cast<std::size_t>(i % 2);
        auto& small = block.smalls[output][part];
        small = pool_.take();
        const auto channels = static_cast<std::size_t>(block.out_channels());
        const auto addend = block.sum_columns ? ckks::Addend{}
                                              : block.addend(block.outputs[output / channels], output % channels, part);
        ckks::mod_down_sources(context_, block.sums[output][part], block.level, block.dropped, small.get(), addend);
    });
}

void LinearEngine::divide(Block& block, const std::vector<int>& targets) {
    const Stopwatch watch(times_.finish);
    const std::size_t count = 2 * block.sums.size();
    constexpr std::size_t some = ckks::SwitchScratch::together;
    assert(some * targets.size() <= scratch_.front()->raised.size());
    threads_.parallel_for(static_cast<std::int64_t>((count + some - 1) / some), [&](std::int64_t i, int worker) {
        const std::size_t first = static_cast<std::size_t>(i) * some, last = std::min(count, first + some);
        std::vector<u32*> limbs;
        for (const auto& limb : scratch_[static_cast<std::size_t>(worker)]->raised) limbs.push_back(limb.get());
        std::vector<ckks::ModDownItem> items;
        for (std::size_t at = first; at < last; ++at) {
            const std::size_t output = at / 2, part = at % 2;
            const auto channels = static_cast<std::size_t>(block.out_channels());
            const int column = block.outputs[output / channels];
            // a switch to a smaller ring adds up parts of the slots, so the bias comes after it
            const bool now = part == 0 && target_.bridge == nullptr;
            const auto bias = now ? block.bias(column, output % channels) : 0;
            items.push_back({&block.sums[output][part], block.smalls[output][part].get(), bias,
                             limbs.data() + (at - first) * targets.size(),
                             block.addend(column, output % channels, part)});
        }
        ckks::mod_down_targets(context_, items, block.level, block.dropped, targets);
    });
}

void LinearEngine::switch_rings(const plan::Layer& layer, std::vector<ckks::Ciphertext>& outputs, const Block& block) {
    const Stopwatch watch(times_.finish);
    std::vector<std::unique_ptr<ckks::SwitchScratch>> scratch;
    for (int i = 0; i < threads_.size(); ++i)
        scratch.push_back(std::make_unique<ckks::SwitchScratch>(*target_.bridge, pool_));
    const auto channels = static_cast<std::size_t>(layer.out_channels);
    const auto parts = layer.merged_run != 0 ? ckks::Parts::sum : ckks::Parts::mean;
    threads_.parallel_for(static_cast<std::int64_t>(outputs.size()), [&](std::int64_t i, int worker) {
        const auto at = static_cast<std::size_t>(i);
        auto& output = outputs[at];
        output = ckks::switch_ring(*target_.bridge, *target_.keys, target_.context.parameters().log_degree(), parts,
                                   std::move(output), pool_, *scratch[static_cast<std::size_t>(worker)]);
        if (layer.finish != plan::Finish::square) return;
        output = ckks::rescale(target_.context, output, pool_);
        const auto bias = block.bias(block.outputs[at / channels], at % channels);
        for (int t = 0; t < output.level(); ++t) {
            const u32 q = context_.prime(t), shift = ring::reduce_signed(bias, q);
            u32* x = output.c0[static_cast<std::size_t>(t)];
            for (std::size_t n = 0; n < target_.context.degree(); ++n) x[n] = ring::add_mod(x[n], shift, q);
        }
    });
}

void LinearEngine::sum_tiles(std::vector<ckks::Ciphertext>& scores, const plan::Layout& layout) {
    const Stopwatch watch(times_.finish);
    const auto steps = plan::head_steps(layout);
    threads_.parallel_for(static_cast<std::int64_t>(scores.size()), [&](std::int64_t i, int worker) {
        auto& score = scores[static_cast<std::size_t>(i)];
        for (const int step : steps) {
            ckks::Ciphertext copy{ring::make_poly(pool_, score.level()), ring::make_poly(pool_, score.level())};
            for (std::size_t t = 0; t < score.c0.size(); ++t) {
                std::copy_n(score.c0[t], context_.degree(), copy.c0[t]);
                std::copy_n(score.c1[t], context_.degree(), copy.c1[t]);
            }
            const auto operand = ckks::make_operand(context_, std::move(copy));
            const int one[] = {step};
            const auto rotated =
                ckks::rotate_hoisted(context_, keys_, operand, one, pool_, *scratch_[static_cast<std::size_t>(worker)]);
            for (std::size_t t = 0; t < score.c0.size(); ++t) {
                const u32 q = context_.prime(static_cast<int>(t));
                context_.kernels().add(q, score.c0[t], rotated[0].c0[t], score.c0[t], context_.degree());
                context_.kernels().add(q, score.c1[t], rotated[0].c1[t], score.c1[t], context_.degree());
            }
        }
    });
}

}  // namespace obscura::tensor
