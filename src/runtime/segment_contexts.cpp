#include "runtime/segment_contexts.hpp"

#include "ckks/ring_switch.hpp"

namespace obscura::runtime {

SegmentContexts::SegmentContexts(const plan::Plan& plan) {
    ring::NttTables tables;
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        const plan::Segment& segment = plan.segments[i];
        bridges_.emplace_back();
        if (i > 0 && segment.parameters.log_degree < plan.segments[i - 1].parameters.log_degree) {
            bridges_.back() = std::make_unique<ckks::Context>(
                ckks::Parameters(ckks::ring_switch_parameters(plan.segments[i - 1].parameters, segment.parameters)),
                tables);
            const int level = static_cast<int>(segment.parameters.chain.size());
            sections_.push_back({bridges_.back().get(), {0, {{0, level}}}});
        }
        segments_.push_back(std::make_unique<ckks::Context>(ckks::Parameters(segment.parameters), tables));
        ckks::EvaluationKeyRequest request{segment.relinearisation_level, {}};
        for (const auto& key : segment.rotation_keys) request.rotations.emplace_back(key.step, key.level);
        section_of_.push_back(sections_.size());
        sections_.push_back({segments_.back().get(), std::move(request)});
    }
}

std::vector<int> log_degrees(const plan::Plan& plan) {
    std::vector<int> result;
    for (const plan::Segment& segment : plan.segments)
        if (result.empty() || segment.parameters.log_degree < result.back())
            result.push_back(segment.parameters.log_degree);
    return result;
}

}  // namespace obscura::runtime
