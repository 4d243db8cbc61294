#pragma once

#include <memory>
#include <vector>

#include "ckks/evaluation_key.hpp"
#include "plan/plan.hpp"

namespace obscura::runtime {

/// The contexts of a plan's segments, and what they ask of a key file.
class SegmentContexts {
  public:
    explicit SegmentContexts(const plan::Plan& plan);

    std::size_t size() const { return segments_.size(); }
    const ckks::Context& operator[](std::size_t segment) const { return *segments_[segment]; }
    /// From the ring of the segment before (ckks/ring_switch.hpp); null where that is the same one.
    const ckks::Context* bridge(std::size_t segment) const { return bridges_[segment].get(); }
    /// Of the encrypted input, and of keys.
    const ckks::Context& input() const { return *segments_.front(); }
    /// Of the encrypted scores.
    const ckks::Context& output() const { return *segments_.back(); }

    /// In the order of a key file: a segment's bridge, if there is one, then the segment.
    const std::vector<ckks::KeySection>& key_sections() const { return sections_; }
    /// Index of a segment's own section; its bridge's is the one before.
    std::size_t section_of(std::size_t segment) const { return section_of_[segment]; }

  private:
    std::vector<std::unique_ptr<ckks::Context>> segments_, bridges_;
    std::vector<ckks::KeySection> sections_;
    std::vector<std::size_t> section_of_;
};

/// log2 of the plan's different ring degrees, from the largest on: one secret key each.
std::vector<int> log_degrees(const plan::Plan& plan);

}  // namespace obscura::runtime
