#include "runtime/group_reader.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "ckks/file_header.hpp"

namespace obscura::runtime {

GroupReader::GroupReader(const plan::Plan& plan, const ckks::Context& context, io::FileKind kind,
                         std::uint64_t payload_bytes, const std::string& path, io::Cancelled cancelled)
    : plan_(plan),
      context_(context),
      kind_(kind),
      payload_bytes_(payload_bytes),
      plan_digest_(digest_bytes(plan)),
      in_(path, std::move(cancelled)) {}

bool GroupReader::next() {
    container_.reset();
    if (opened_ > 0 && opened_ == tag_.groups) return false;
    if (opened_ > 0 && in_.at_end())
        throw Error(ErrorCode::format, fmt::format("{}: it ends after {} of {} groups; it is truncated", in_.name(),
                                                   opened_, tag_.groups));
    const std::string total = opened_ > 0 ? fmt::format(" of {}", tag_.groups) : "";
    container_ = std::make_unique<io::FileReader>(in_, kind_, fmt::format("group {}{}", opened_ + 1, total));
    ckks::check_header(*container_, context_, plan_digest_);
    if (container_->remaining() != payload_bytes_)
        container_->fail(fmt::format("{} payload bytes, but a {} of this plan takes {} for each group",
                                     container_->remaining(), io::kind_name(kind_), payload_bytes_));
    const GroupTag tag = read_tag(*container_, plan_.batch());
    check_order(tag);
    if (opened_ == 0) check_length(tag);
    tag_ = tag;
    ++opened_;
    return true;
}

void GroupReader::check_order(const GroupTag& tag) const {
    if (opened_ > 0 && (tag.stream != tag_.stream || tag.key_id != tag_.key_id || tag.groups != tag_.groups))
        container_->fail("it belongs to another request than the groups before it");
    if (tag.group != opened_)
        container_->fail(
            fmt::format("this is group {} of {} where group {} belongs; groups are missing, repeated or out of order",
                        std::uint64_t{tag.group} + 1, tag.groups, opened_ + 1));
    if (tag.group + 1 != tag.groups && tag.images != static_cast<std::uint32_t>(plan_.batch()))
        container_->fail(fmt::format("{} images, but every group of a request except the last must hold {}", tag.images,
                                     plan_.batch()));
}

/// A file that lacks groups at its end is refused before hours are spent on those that it has.
void GroupReader::check_length(const GroupTag& tag) const {
    const auto rest = in_.remaining();
    if (!rest) return;
    const std::uint64_t group = io::container_frame_bytes + payload_bytes_;
    const std::uint64_t size = in_.position() + *rest;
    if (size == tag.groups * group) return;
    throw Error(ErrorCode::format,
                fmt::format("{}: {} groups of {} bytes are announced, which makes {} bytes, but the file has {}; it is "
                            "truncated or damaged",
                            in_.name(), tag.groups, group, tag.groups * group, size));
}

}  // namespace obscura::runtime
