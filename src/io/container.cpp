#include "io/container.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/container_layout.hpp"

namespace obscura::io {

const char* kind_name(FileKind kind) {
    switch (kind) {
        case FileKind::plan:
            return "plan";
        case FileKind::secret_key:
            return "secret key";
        case FileKind::evaluation_keys:
            return "evaluation keys";
        case FileKind::request:
            return "request";
        case FileKind::response:
            return "response";
    }
    return "unknown kind";
}

std::string to_hex(const Digest& digest) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * digest.size());
    for (const std::uint8_t byte : digest) {
        text += hex[byte >> 4];
        text += hex[byte & 15];
    }
    return text;
}

namespace layout {

void store_u32(std::uint8_t* out, std::uint32_t v) {
    for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(v >> (8 * i));
}

void store_u64(std::uint8_t* out, std::uint64_t v) {
    for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(v >> (8 * i));
}

std::uint32_t load_u32(const std::uint8_t* in) {
    std::uint32_t v = 0;
    for (int i = 0; i < 4; ++i) v |= static_cast<std::uint32_t>(in[i]) << (8 * i);
    return v;
}

std::uint64_t load_u64(const std::uint8_t* in) {
    std::uint64_t v = 0;
    for (int i = 0; i < 8; ++i) v |= static_cast<std::uint64_t>(in[i]) << (8 * i);
    return v;
}

HeaderBytes encode(const FileHeader& header) {
    HeaderBytes bytes{};
    std::copy(magic.begin(), magic.end(), bytes.begin());
    store_u32(&bytes[8], version);
    store_u32(&bytes[12], static_cast<std::uint32_t>(header.kind));
    store_u32(&bytes[16], header.insecure ? insecure_flag : 0);
    std::copy(header.parameters.begin(), header.parameters.end(), &bytes[24]);
    std::copy(header.plan.begin(), header.plan.end(), &bytes[56]);
    store_u64(&bytes[88], header.payload_bytes);
    return bytes;
}

Checksum::Checksum() {
    // Chooses the fastest BLAKE2b of the machine; safe to call from any thread, any number of times.
    if (sodium_init() < 0) throw Error(ErrorCode::resource, "libsodium could not be initialised");
    crypto_generichash_init(&state_, nullptr, 0, checksum_bytes);
}

void Checksum::add(const std::uint8_t* data, std::size_t size) {
    crypto_generichash_update(&state_, data, size);
}

Digest Checksum::finish() {
    Digest digest{};
    crypto_generichash_final(&state_, digest.data(), digest.size());
    return digest;
}

}  // namespace layout
}  // namespace obscura::io
