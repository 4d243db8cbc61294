#include "plan/plan_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "io/container.hpp"
#include "plan/limits.hpp"
#include "plan/serialise.hpp"

namespace obscura::plan {
namespace {

io::Digest parameters_digest(const Plan& plan) {
    const std::string digest = ckks::Parameters(plan.parameters()).digest();
    io::Digest result{};
    std::copy_n(digest.begin(), std::min(digest.size(), result.size()), result.begin());
    return result;
}

std::uint64_t weight_bytes(const Plan& plan) {
    std::uint64_t total = 0;
    for (const Layer& layer : plan.layers)
        for (const Operand& operand : layer.operands) total += 2 * weight_count(layer, operand);
    return total;
}

}  // namespace

void save_plan(const Plan& plan, const std::string& path) {
    validate(plan);
    const std::string description = describe(plan);
    io::FileHeader header;
    header.kind = io::FileKind::plan;
    header.insecure = plan.parameters().insecure_for_tests;
    header.parameters = parameters_digest(plan);
    header.payload_bytes = 4 + description.size() + weight_bytes(plan);
    io::FileWriter out(path, header);
    out.text(description);
    std::vector<std::uint8_t> buffer;
    for (const Layer& layer : plan.layers)
        for (const Operand& operand : layer.operands) {
            buffer.clear();
            for (const std::int16_t weight : operand.weights) {
                const auto bits = std::bit_cast<std::uint16_t>(weight);
                buffer.push_back(static_cast<std::uint8_t>(bits));
                buffer.push_back(static_cast<std::uint8_t>(bits >> 8));
            }
            out.bytes(buffer);
        }
    out.finish();
}

Plan load_plan(const std::string& path) {
    io::FileReader in(path, io::FileKind::plan);
    Plan plan = parse_description(in.text(limits::description_bytes));
    const std::uint64_t expected = weight_bytes(plan);
    if (in.remaining() != expected)
        in.fail(fmt::format("{} bytes of weights, the layers need {}", in.remaining(), expected));
    std::vector<std::uint8_t> buffer;
    for (Layer& layer : plan.layers)
        for (Operand& operand : layer.operands) {
            buffer.resize(2 * weight_count(layer, operand));
            in.bytes(buffer);
            operand.weights.resize(buffer.size() / 2);
            for (std::size_t i = 0; i < operand.weights.size(); ++i)
                operand.weights[i] =
                    std::bit_cast<std::int16_t>(static_cast<std::uint16_t>(buffer[2 * i] | (buffer[2 * i + 1] << 8)));
        }
    in.finish();
    if (in.header().insecure != plan.parameters().insecure_for_tests)
        in.fail("the header and the parameters disagree on whether the parameters are insecure");
    validate(plan);
    if (in.header().parameters != parameters_digest(plan)) in.fail("the parameters do not match the header's digest");
    return plan;
}

}  // namespace obscura::plan
