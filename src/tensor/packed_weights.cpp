#include "tensor/packed_weights.hpp"

#include "ring/kernels/kernels.hpp"

namespace obscura::tensor {

const std::uint32_t* PackedWeights::pack(const std::vector<std::pair<int, int>>& terms) {
    const auto [entry, added] = packed_.try_emplace(terms);
    auto& words = entry->second;
    if (!added) return words.data();
    for (int block = 0; block < layer_.out_channels; block += ring::product_block)
        for (const auto& term : terms) {
            const auto& operand = layer_.operands[static_cast<std::size_t>(term.first)];
            for (int c = 0; c < operand.channels; c += 2)
                for (int i = 0; i < ring::product_block; ++i) {
                    auto weight = [&](int channel) -> std::uint32_t {
                        if (block + i >= layer_.out_channels || channel >= operand.channels) return 0;
                        const auto at = (static_cast<std::size_t>(block + i) * operand.taps.size() +
                                         static_cast<std::size_t>(term.second)) *
                                            static_cast<std::size_t>(operand.channels) +
                                        static_cast<std::size_t>(channel);
                        return static_cast<std::uint16_t>(operand.weights[at]);
                    };
                    words.push_back(weight(c) | weight(c + 1) << 16);
                }
        }
    return words.data();
}

}  // namespace obscura::tensor
