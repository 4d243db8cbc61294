#pragma once

#include <vector>

#include "base/error.hpp"
#include "io/output_stream.hpp"
#include "runtime/group_reader.hpp"

/// Responses. Payload of a group: the tag of the request's group, that group's checksum (32), scores (4), limbs (4),
/// then c0 and c1 of every score, packed at 30 bits.
namespace obscura::runtime {

/// The group of a request that a group of a response answers.
struct Answered {
    GroupTag tag;
    io::Digest checksum{};  ///< of the request's group
};

/// The server's side: appends group after group to `path`.partial, each at once on disk, and finds those that an
/// interrupted run has finished. Or writes to standard output, where nothing is resumed.
class ResponseWriter {
  public:
    /// Takes over the finished groups of `path`.partial unless `restart`, and cuts off what an interrupted run left
    /// behind them. Throws Error(format) if that file is of another kind, plan or parameters.
    ResponseWriter(const plan::Plan& plan, const ckks::Context& context, const std::string& path, bool restart,
                   const io::Cancelled& cancelled);

    /// Groups taken over.
    std::uint32_t resumed() const { return static_cast<std::uint32_t>(answered_.size()); }
    /// Groups taken over or appended.
    std::uint32_t finished() const { return resumed() + appended_; }
    /// Throws Error(format) unless the group taken over in this place answers just this group of the request.
    void check(const Answered& group) const;
    /// Makes sure that there is room for the rest of a response of so many groups.
    void reserve(std::uint32_t groups);
    void append(const Answered& group, const std::vector<ckks::Ciphertext>& scores);
    /// For errors that end a run: how to go on, or nothing if no group is finished.
    std::string what_is_kept() const;
    /// The response is complete and gets its name.
    void finish() { out_.finish(); }
    std::uint64_t bytes() const { return out_.position(); }

  private:
    bool take_over_next(io::InputStream& in);
    [[noreturn]] void refuse_partial(ErrorCode code, const std::string& what) const;
    std::uint64_t group_bytes() const;

    const plan::Plan& plan_;
    const ckks::Context& context_;
    std::string plan_digest_;
    io::OutputStream out_;
    std::vector<Answered> answered_;  ///< by the groups taken over
    std::uint32_t appended_ = 0;
};

/// The encrypted scores of a group.
struct ResponseGroup {
    io::Digest answered{};                 ///< checksum of the request's group
    std::vector<ckks::Ciphertext> scores;  ///< [class]
};

/// The client's side.
class ResponseReader {
  public:
    ResponseReader(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                   io::Cancelled cancelled)
        : plan_(plan),
          context_(context),
          groups_(plan, context, io::FileKind::response, response_payload_bytes(plan, context), path,
                  std::move(cancelled)) {}

    bool next() { return groups_.next(); }
    const GroupTag& tag() const { return groups_.tag(); }
    const std::string& name() const { return groups_.name(); }
    /// Throws Error(format) as RequestReader::read.
    ResponseGroup read(ckks::LimbPool& pool);

  private:
    const plan::Plan& plan_;
    const ckks::Context& context_;
    GroupReader groups_;
};

}  // namespace obscura::runtime
