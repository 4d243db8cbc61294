#include "ckks/secret_key.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.hpp"
#include "ckks/file_header.hpp"

namespace obscura::ckks {

SecretKey::SecretKey(std::span<const std::int8_t> coefficients) : degree_(coefficients.size()) {
    require_sodium();
    coefficients_ = static_cast<std::int8_t*>(sodium_malloc(degree_));
    if (coefficients_ == nullptr) throw Error(ErrorCode::resource, "no guarded memory for the secret key");
    std::copy(coefficients.begin(), coefficients.end(), coefficients_);
}

SecretKey SecretKey::generate(int log_degree) {
    Seed seed = fresh_seed();
    std::vector<std::int8_t> s(std::size_t{1} << log_degree);
    {
        RandomStream stream(seed, 0, 0);
        sample_ternary(stream, s);
    }
    SecretKey key(s);
    sodium_memzero(s.data(), s.size());
    sodium_memzero(seed.data(), seed.size());
    return key;
}

SecretKey SecretKey::embedded(int log_degree) const {
    std::vector<std::int8_t> s(std::size_t{1} << log_degree);
    const std::size_t stride = s.size() / degree_;
    for (std::size_t i = 0; i < degree_; ++i) s[i * stride] = coefficients_[i];
    SecretKey key(s);
    sodium_memzero(s.data(), s.size());
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

void save_secret_keys(std::span<const SecretKey> keys, const Context& context, const std::string& plan_digest,
                      const std::string& path) {
    std::vector<std::uint8_t> bytes;
    std::size_t size = 0;
    for (const SecretKey& key : keys) size += key.degree();
    bytes.reserve(size);  // nothing is left behind by growing
    for (const SecretKey& key : keys)
        for (const std::int8_t v : key.coefficients()) bytes.push_back(static_cast<std::uint8_t>(v + 1));
    io::FileWriter out(path, file_header(context, io::FileKind::secret_key, plan_digest, bytes.size()));
    out.bytes(bytes);
    sodium_memzero(bytes.data(), bytes.size());
    out.finish();
}

std::vector<SecretKey> load_secret_keys(std::span<const int> log_degrees, const Context& context,
                                        const std::string& plan_digest, const std::string& path) {
    io::FileReader in(path, io::FileKind::secret_key);
    check_header(in, context, plan_digest);
    std::size_t size = 0;
    for (const int log_degree : log_degrees) size += std::size_t{1} << log_degree;
    if (in.remaining() != size) in.fail(fmt::format("{} bytes, the plan's secret keys have {}", in.remaining(), size));
    std::vector<SecretKey> keys;
    for (const int log_degree : log_degrees) {
        std::vector<std::uint8_t> bytes(std::size_t{1} << log_degree);
        in.bytes(bytes);
        std::vector<std::int8_t> s(bytes.size());
        bool bad = false;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bad |= bytes[i] > 2;
            s[i] = static_cast<std::int8_t>(bytes[i] - 1);
        }
        if (bad) in.fail("a coefficient of the secret key is not -1, 0 or 1");
        keys.emplace_back(s);
        sodium_memzero(bytes.data(), bytes.size());
        sodium_memzero(s.data(), s.size());
    }
    in.finish();
    return keys;
}

}  // namespace obscura::ckks
