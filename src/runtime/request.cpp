#include "runtime/request.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ckks/encryption.hpp"
#include "ckks/key_switch.hpp"

namespace obscura::runtime {

RequestGroup RequestReader::read(ckks::LimbPool& pool, ThreadPool& threads) {
    io::FileReader& in = groups_.container();
    const auto layout = input_layout(plan_);
    const int count = layout.columns() * plan_.input.channels, level = input_level(plan_);
    if (const auto found = in.u32(); found != static_cast<unsigned>(count))
        in.fail(fmt::format("{} ciphertexts where the plan has {}", found, count));
    ckks::Seed seed;
    in.bytes(seed);
    RequestGroup group;
    group.input.layout = layout;
    group.input.channels = plan_.input.channels;
    group.input.is_ready.assign(static_cast<std::size_t>(layout.columns()), true);
    group.input.ready.resize(static_cast<std::size_t>(count));

    // Some ciphertexts at a time: one thread reads the next ones (reading, hashing and unpacking are about half of the
    // work and cannot be split), the others prepare those that were read before.
    const int some = 4 * threads.size();
    std::vector<ckks::Poly> read, next;
    for (int first = 0;; first += some) {
        const int prepared = first - some;
        threads.parallel_for(1 + static_cast<std::int64_t>(read.size()), [&](std::int64_t task, int) {
            if (task == 0) {
                for (int i = first; i < std::min(count, first + some); ++i)
                    next.push_back(read_poly(in, context_, level, pool));
                return;
            }
            const auto i = static_cast<std::size_t>(task - 1), index = static_cast<std::size_t>(prepared) + i;
            ckks::Ciphertext ct{std::move(read[i]), ring::make_poly(pool, level)};
            ckks::expand_seeded(context_, seed, index, ct.c1);
            group.input.ready[index] = ckks::make_operand(context_, std::move(ct));
        });
        read = std::move(next);
        next.clear();
        if (read.empty()) break;
    }
    group.checksum = in.finish();
    return group;
}

io::Digest RequestReader::skip() {
    groups_.container().skip();
    return groups_.container().finish();
}

}  // namespace obscura::runtime
