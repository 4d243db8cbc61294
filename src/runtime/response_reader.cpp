#include <fmt/format.h>

#include "runtime/response.hpp"

namespace obscura::runtime {

ResponseGroup ResponseReader::read(ckks::LimbPool& pool) {
    io::FileReader& in = groups_.container();
    ResponseGroup group;
    in.bytes(group.answered);
    const auto& head = plan_.layers.back();
    const auto count = in.u32(), limbs = in.u32();
    if (count != static_cast<unsigned>(head.out_channels) || limbs != static_cast<unsigned>(head.output_level()))
        in.fail(fmt::format("{} scores of {} limbs where the plan has {} of {}", count, limbs, head.out_channels,
                            head.output_level()));
    for (unsigned i = 0; i < count; ++i) {
        ckks::Ciphertext ct;
        ct.c0 = read_poly(in, context_, head.output_level(), pool);
        ct.c1 = read_poly(in, context_, head.output_level(), pool);
        group.scores.push_back(std::move(ct));
    }
    in.finish();
    return group;
}

}  // namespace obscura::runtime
