#include <fmt/format.h>

#include <optional>

#include "ckks/file_header.hpp"
#include "runtime/response.hpp"

namespace obscura::runtime {
namespace {

/// What the group in a place answers, and nothing if it is damaged or not of this place; its scores are passed over.
std::optional<Answered> answered_by(io::FileReader& group, std::uint64_t payload_bytes, std::uint32_t place,
                                    int batch) {
    if (group.remaining() != payload_bytes) return {};
    try {
        Answered answered{read_tag(group, batch), {}};
        group.bytes(answered.checksum);
        group.skip();
        group.finish();
        if (answered.tag.group != place || place >= answered.tag.groups) return {};
        return answered;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::format) throw;
        return {};
    }
}

}  // namespace

ResponseWriter::ResponseWriter(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                               bool restart, const io::Cancelled& cancelled)
    : plan_(plan),
      context_(context),
      plan_digest_(digest_bytes(plan)),
      out_(path, io::OutputMode::resumable, cancelled) {
    if (out_.partial().empty()) return;
    if (!restart) {
        io::InputStream in(out_.partial(), cancelled);
        while (take_over_next(in)) continue;
    }
    out_.keep(resumed() * group_bytes());
}

/// False at the first group that is not whole. Whose file this is, only its first header can tell: behind good groups,
/// a bad one is damage, and the work before it is kept.
bool ResponseWriter::take_over_next(io::InputStream& in) {
    const bool first = answered_.empty(), whole = in.remaining() >= group_bytes();
    if (in.at_end()) return false;
    std::optional<io::FileReader> group;
    try {
        group.emplace(in, io::FileKind::response, fmt::format("group {}", resumed() + 1));
        ckks::check_header(*group, context_, plan_digest_);
        if (!whole) return false;
    } catch (const Error& error) {
        const bool cut_short = error.code() == ErrorCode::format && !group && !whole;
        if (cut_short || (error.code() == ErrorCode::format && !first)) return false;
        if (error.code() != ErrorCode::format && error.code() != ErrorCode::security) throw;
        refuse_partial(error.code(), error.what());
    }
    const auto answered = answered_by(*group, response_payload_bytes(plan_, context_), resumed(), plan_.batch());
    if (answered) answered_.push_back(*answered);
    return answered.has_value();
}

void ResponseWriter::refuse_partial(ErrorCode code, const std::string& what) const {
    throw Error(
        code,
        fmt::format("{}; it cannot be gone on with: give --restart to discard it, or name another response", what));
}

void ResponseWriter::check(const Answered& group) const {
    const Answered& found = answered_[group.tag.group];
    if (found.tag == group.tag && found.checksum == group.checksum) return;
    refuse_partial(ErrorCode::format, fmt::format("{}: its group {} answers another request, or another key's",
                                                  out_.partial(), group.tag.group + 1));
}

std::uint64_t ResponseWriter::group_bytes() const {
    return io::container_frame_bytes + response_payload_bytes(plan_, context_);
}

void ResponseWriter::reserve(std::uint32_t groups) {
    out_.reserve((groups - resumed()) * group_bytes());
}

void ResponseWriter::append(const Answered& group, const std::vector<ckks::Ciphertext>& scores) {
    io::FileWriter out(out_, ckks::file_header(context_, io::FileKind::response, plan_digest_,
                                               response_payload_bytes(plan_, context_)));
    write_tag(out, group.tag);
    out.bytes(group.checksum);
    out.u32(static_cast<unsigned>(scores.size()));
    out.u32(static_cast<unsigned>(plan_.layers.back().output_level()));
    for (const auto& score : scores)
        for (const auto* part : {&score.c0, &score.c1}) write_poly(out, *part, context_.degree());
    out.finish();
    out_.commit();
    ++appended_;
}

std::string ResponseWriter::what_is_kept() const {
    if (finished() == 0 || out_.partial().empty()) return "";
    return fmt::format("; finished groups are kept in {} ({} so far), and the same command goes on after them",
                       out_.partial(), finished());
}

}  // namespace obscura::runtime
