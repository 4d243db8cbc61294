#include "ckks/secret_key.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.hpp"
#include "ckks/file_header.hpp"

namespace obscura::ckks {

SecretKey::SecretKey(const Context& context, std::span<const std::int8_t> coefficients) : degree_(context.degree()) {
    require_sodium();
    coefficients_ = static_cast<std::int8_t*>(sodium_malloc(degree_));
    if (coefficients_ == nullptr) throw Error(ErrorCode::resource, "no guarded memory for the secret key");
    std::copy(coefficients.begin(), coefficients.end(), coefficients_);
}

SecretKey SecretKey::generate(const Context& context) {
    Seed seed = fresh_seed();
    std::vector<std::int8_t> s(context.degree());
    {
        RandomStream stream(seed, 0, 0);
        sample_ternary(stream, s);
    }
    SecretKey key(context, s);
    sodium_memzero(s.data(), s.size());
    sodium_memzero(seed.data(), seed.size());
    return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : coefficients_(other.coefficients_), degree_(other.degree_) {
    other.coefficients_ = nullptr;
}

SecretKey::~SecretKey() {
    sodium_free(coefficients_);
}

void SecretKey::evaluations(const Context& context, int limb, std::uint32_t* out) const {
    const u32 q = context.prime(limb);
    for (std::size_t i = 0; i < degree_; ++i) {
        const i32 v = coefficients_[i];
        out[i] = static_cast<u32>(v) + (q & static_cast<u32>(v >> 31));
    }
    context.kernels().ntt_forward(context.table(limb), out, out);
}

std::uint64_t SecretKey::id() const {
    unsigned char hash[crypto_generichash_BYTES];
    static constexpr char label[] = "obscura key id";
    crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(coefficients_), degree_,
                       reinterpret_cast<const unsigned char*>(label), sizeof label);
    std::uint64_t id;
    std::memcpy(&id, hash, sizeof id);
    return id;
}

SecretWords::SecretWords(std::size_t count)
    : data_(static_cast<std::uint32_t*>(::operator new (count * 4, std::align_val_t{64}))), count_(count) {}

SecretWords::~SecretWords() {
    sodium_memzero(data_, count_ * 4);
    ::operator delete (data_, std::align_val_t{64});
}

void save_secret_key(const SecretKey& key, const Context& context, const std::string& plan_digest,
                     const std::string& path) {
    const auto s = key.coefficients();
    io::FileWriter out(path, file_header(context, io::FileKind::secret_key, plan_digest, s.size()));
    std::vector<std::uint8_t> bytes(s.size());
    std::transform(s.begin(), s.end(), bytes.begin(), [](std::int8_t v) { return static_cast<std::uint8_t>(v + 1); });
    out.bytes(bytes);
    sodium_memzero(bytes.data(), bytes.size());
    out.finish();
}

SecretKey load_secret_key(const Context& context, const std::string& plan_digest, const std::string& path) {
    io::FileReader in(path, io::FileKind::secret_key);
    check_header(in, context, plan_digest);
    if (in.remaining() != context.degree()) in.fail("a secret key must have one byte a coefficient");
    std::vector<std::uint8_t> bytes(context.degree());
    in.bytes(bytes);
    in.finish();
    std::vector<std::int8_t> s(bytes.size());
    bool bad = false;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bad |= bytes[i] > 2;
        s[i] = static_cast<std::int8_t>(bytes[i] - 1);
    }
    if (bad) in.fail("a coefficient of the secret key is not -1, 0 or 1");
    SecretKey key(context, s);
    sodium_memzero(bytes.data(), bytes.size());
    sodium_memzero(s.data(), s.size());
    return key;
}

}  // namespace obscura::ckks
