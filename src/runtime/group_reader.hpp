#pragma once

#include <memory>
#include <optional>

#include "io/input_stream.hpp"
#include "runtime/group.hpp"

namespace obscura::runtime {

/// Opens the groups of one request or one response in turn, from a file or a pipe, and makes sure that none is missing,
/// repeated, out of order or of another request. What the groups hold is read by others.
class GroupReader {
  public:
    /// `payload_bytes` is what a group of this kind takes by the plan. Both references must outlive the reader.
    GroupReader(const plan::Plan& plan, const ckks::Context& context, io::FileKind kind, std::uint64_t payload_bytes,
                const std::string& path, io::Cancelled cancelled);

    /// Goes to the next group, whose container must be finished before the one after it; false after the last. What
    /// follows the last group in a pipe is not touched, in a file it is refused.
    /// Throws Error(format) for any group that does not follow from the one before.
    bool next();

    const GroupTag& tag() const { return tag_; }
    io::FileReader& container() { return *container_; }
    const std::string& name() const { return in_.name(); }
    /// Whether the groups lie in a file, which is long enough for all of them once the first was opened.
    bool is_file() const { return in_.remaining().has_value(); }
    std::uint64_t bytes() const { return in_.position(); }

  private:
    void check_order(const GroupTag& tag) const;
    void check_length(const GroupTag& tag) const;

    const plan::Plan& plan_;
    const ckks::Context& context_;
    io::FileKind kind_;
    std::uint64_t payload_bytes_;
    std::string plan_digest_;
    io::InputStream in_;
    std::unique_ptr<io::FileReader> container_;
    std::uint32_t opened_ = 0;  ///< groups so far
    GroupTag tag_;
};

}  // namespace obscura::runtime
