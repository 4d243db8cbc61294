#pragma once

#include "base/thread_pool.hpp"
#include "runtime/group_reader.hpp"
#include "tensor/feature_map.hpp"

/// Requests, as the server reads them. Payload of a group: the tag, ciphertexts (4), seed (32), then c0 of every
/// ciphertext (column by column, channels inside), limbs in order, packed at 30 bits. c1 is expanded from the seed.
namespace obscura::runtime {

/// The encrypted images of a group.
struct RequestGroup {
    tensor::FeatureMap input;  ///< ready
    io::Digest checksum;       ///< of the group's bytes; the response repeats it
};

class RequestReader {
  public:
    RequestReader(const plan::Plan& plan, const ckks::Context& context, const std::string& path,
                  io::Cancelled cancelled)
        : plan_(plan),
          context_(context),
          groups_(plan, context, io::FileKind::request, request_payload_bytes(plan, context), path,
                  std::move(cancelled)) {}

    /// As GroupReader's; after it, the group must be read or skipped.
    bool next() { return groups_.next(); }
    const GroupTag& tag() const { return groups_.tag(); }
    const std::string& name() const { return groups_.name(); }
    bool is_file() const { return groups_.is_file(); }
    std::uint64_t bytes() const { return groups_.bytes(); }

    /// Reads the group while other threads expand and transform what was read. Throws Error(format) unless it fits the
    /// plan, every residue is below its prime, and the checksum is right.
    RequestGroup read(ckks::LimbPool& pool, ThreadPool& threads);
    /// Passes over the group; its checksum, which is right.
    io::Digest skip();

  private:
    const plan::Plan& plan_;
    const ckks::Context& context_;
    GroupReader groups_;
};

}  // namespace obscura::runtime
