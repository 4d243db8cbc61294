#include <fmt/format.h>

#include "runtime/response.hpp"

namespace obscura::runtime {

std::vector<ckks::Ciphertext> ResponseReader::read(ckks::LimbPool& pool) {
    io::FileReader& in = groups_.container();
    // only a server that goes on with an interrupted run compares it: the tag ties the group to the request
    io::Digest answered;
    in.bytes(answered);
    const auto& head = plan_.layers.back();
    const auto count = in.u32(), limbs = in.u32();
    if (count != static_cast<unsigned>(head.out_channels) || limbs != static_cast<unsigned>(head.output_level()))
        in.fail(fmt::format("{} scores of {} limbs where the plan has {} of {}", count, limbs, head.out_channels,
                            head.output_level()));
    std::vector<ckks::Ciphertext> scores;
    for (unsigned i = 0; i < count; ++i) {
        ckks::Ciphertext ct;
        ct.c0 = read_poly(in, context_, head.output_level(), pool);
        ct.c1 = read_poly(in, context_, head.output_level(), pool);
        scores.push_back(std::move(ct));
    }
    in.finish();
    return scores;
}

}  // namespace obscura::runtime
