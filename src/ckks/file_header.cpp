#include "ckks/file_header.hpp"

#include <algorithm>
#include <cassert>

namespace obscura::ckks {

namespace {
io::Digest to_digest(const std::string& bytes) {
    io::Digest digest{};
    assert(bytes.size() == digest.size());
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    return digest;
}
}  // namespace

io::FileHeader file_header(const Context& context, io::FileKind kind, const std::string& plan_digest,
                           std::uint64_t payload_bytes) {
    return {kind, context.parameters().security_bits() < 128, to_digest(context.digest()), to_digest(plan_digest),
            payload_bytes};
}

void check_header(const io::FileReader& in, const Context& context, const std::string& plan_digest) {
    if (in.header().parameters != to_digest(context.digest()))
        in.fail("made for other encryption parameters than the plan's");
    if (in.header().plan != to_digest(plan_digest)) in.fail("made for another plan; use files made from the same plan");
}

}  // namespace obscura::ckks
