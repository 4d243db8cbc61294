#include "tensor/packed_weights.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "ring/kernels/kernels.hpp"

namespace obscura::tensor {
namespace {

using Terms = std::vector<std::pair<int, int>>;

plan::Operand random_operand(int outputs, int channels, int taps) {
    plan::Operand operand;
    operand.channels = channels;
    operand.taps.resize(static_cast<std::size_t>(taps));
    operand.weights = *rc::gen::container<std::vector<std::int16_t>>(
        static_cast<std::size_t>(outputs * channels * taps), rc::gen::arbitrary<std::int16_t>());
    return operand;
}

/// weights[o][tap][c], zero where padding stands in.
int weight(const plan::Layer& layer, int operand, int tap, int output, int channel) {
    const auto& o = layer.operands[static_cast<std::size_t>(operand)];
    if (output >= layer.out_channels || channel >= o.channels) return 0;
    const auto taps = static_cast<int>(o.taps.size());
    return o.weights[static_cast<std::size_t>((output * taps + tap) * o.channels + channel)];
}

/// Reads packed words in the order of the kernel: [block of outputs][pair of rows][output in the block].
TEST(PackedWeights, EveryWeightIsInItsPlace) {
    EXPECT_TRUE(rc::check([] {
        plan::Layer layer;
        layer.out_channels = *rc::gen::inRange(1, 10);
        for (int o = 0; o < 2; ++o)
            layer.operands.push_back(
                random_operand(layer.out_channels, *rc::gen::inRange(1, 6), *rc::gen::inRange(1, 4)));
        Terms terms;
        for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
            const int o = *rc::gen::inRange(0, 2);
            const auto taps = static_cast<int>(layer.operands[static_cast<std::size_t>(o)].taps.size());
            terms.emplace_back(o, *rc::gen::inRange(0, taps));
        }
        PackedWeights weights(layer);
        const std::uint32_t* word = weights.pack(terms);
        for (int block = 0; block < layer.out_channels; block += ring::product_block)
            for (const auto& [o, tap] : terms) {
                const int channels = layer.operands[static_cast<std::size_t>(o)].channels;
                RC_ASSERT(PackedWeights::pairs(channels) * 2 - channels == channels % 2);
                for (int pair = 0; pair < PackedWeights::pairs(channels); ++pair)
                    for (int i = 0; i < ring::product_block; ++i, ++word) {
                        RC_ASSERT(static_cast<std::int16_t>(*word) == weight(layer, o, tap, block + i, 2 * pair));
                        RC_ASSERT(static_cast<std::int16_t>(*word >> 16) ==
                                  weight(layer, o, tap, block + i, 2 * pair + 1));
                    }
            }
    }));
}

TEST(PackedWeights, TheSameTermsArePackedOnce) {
    plan::Layer layer;
    layer.out_channels = 1;
    layer.operands.resize(1);
    layer.operands[0].channels = 1;
    layer.operands[0].taps.resize(2);
    layer.operands[0].weights = {-3, 5};
    PackedWeights weights(layer);
    const Terms both{{0, 0}, {0, 1}}, turned{{0, 1}, {0, 0}}, one{{0, 1}};
    const auto* first = weights.pack(both);
    EXPECT_EQ(weights.pack(turned)[0], 5u);
    EXPECT_EQ(weights.pack(one)[0], 5u);
    EXPECT_EQ(weights.pack(both), first);
    EXPECT_EQ(first[0], 0xfffdu);  // -3, and nothing in the missing second channel
    EXPECT_EQ(first[ring::product_block], 5u);
}

}  // namespace
}  // namespace obscura::tensor
