#include "ckks/random.hpp"

#include <sodium.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.hpp"

namespace obscura::ckks {

namespace {

constexpr std::size_t buffer_words = 1024;  // 64 ChaCha20 blocks
constexpr int tail = 41;                    // 13 sigma

/// cumulative[x] = 2^63 P(|e| <= x) for x = 0 .. tail-1.
std::array<std::uint64_t, tail> gaussian_table() {
    std::array<long double, tail + 1> weight{};
    long double total = 0;
    for (int x = 0; x <= tail; ++x) {
        weight[static_cast<std::size_t>(x)] =
            std::exp(-static_cast<long double>(x * x) / (2 * noise_sigma * noise_sigma)) * (x ? 2 : 1);
        total += weight[static_cast<std::size_t>(x)];
    }
    std::array<std::uint64_t, tail> cumulative{};
    long double sum = 0;
    for (std::size_t x = 0; x < cumulative.size(); ++x) {
        sum += weight[x];
        cumulative[x] = static_cast<std::uint64_t>(sum / total * 0x1p63L);
    }
    return cumulative;
}

}  // namespace

void require_sodium() {
    static const bool ready = sodium_init() >= 0;
    if (!ready) throw Error(ErrorCode::resource, "the system's random number generator is not available");
}

Seed fresh_seed() {
    require_sodium();
    Seed seed;
    randombytes_buf(seed.data(), seed.size());
    return seed;
}

RandomStream::RandomStream(const Seed& seed, std::uint32_t domain, std::uint64_t index)
    : key_(seed), position_(buffer_words), buffer_(buffer_words) {
    std::memcpy(nonce_.data(), &domain, 4);
    std::memcpy(nonce_.data() + 4, &index, 8);
}

RandomStream::~RandomStream() {
    sodium_memzero(key_.data(), key_.size());
    sodium_memzero(buffer_.data(), buffer_.size() * 4);
}

void RandomStream::refill() {
    std::memset(buffer_.data(), 0, buffer_words * 4);
    auto* bytes = reinterpret_cast<unsigned char*>(buffer_.data());
    crypto_stream_chacha20_ietf_xor_ic(bytes, bytes, buffer_words * 4, nonce_.data(), block_, key_.data());
    block_ += buffer_words / 16;
    position_ = 0;
}

std::uint32_t RandomStream::next_u32() {
    if (position_ == buffer_words) refill();
    return buffer_[position_++];
}

std::uint64_t RandomStream::next_u64() {
    const std::uint64_t low = next_u32();
    return low | static_cast<std::uint64_t>(next_u32()) << 32;
}

void RandomStream::uniform(std::uint32_t q, std::span<std::uint32_t> out) {
    const std::uint32_t mask = std::bit_ceil(q) - 1;  // the smallest: at least every second word is taken
    std::size_t i = 0;
    while (i < out.size()) {
        if (position_ == buffer_words) refill();
        for (; position_ < buffer_words && i < out.size(); ++position_) {
            const std::uint32_t v = buffer_[position_] & mask;
            out[i] = v;
            i += v < q;
        }
    }
}

void sample_ternary(RandomStream& stream, std::span<std::int8_t> out) {
    std::size_t i = 0;
    while (i < out.size()) {
        std::uint32_t bits = stream.next_u32();
        for (int k = 0; k < 16 && i < out.size(); ++k, bits >>= 2) {
            const std::uint32_t v = bits & 3;
            out[i] = static_cast<std::int8_t>(static_cast<int>(v) - 1);
            i += v != 3;
        }
    }
}

void sample_gaussian(RandomStream& stream, std::span<std::int8_t> out) {
    static const auto cumulative = gaussian_table();
    for (auto& e : out) {
        const std::uint64_t random = stream.next_u64();
        const std::uint64_t u = random >> 1;
        std::int32_t magnitude = 0;
        // u and the table are below 2^63: the borrow of table - u - 1 is the comparison, without a branch
        for (const std::uint64_t bound : cumulative) magnitude += static_cast<std::int32_t>((bound - u - 1) >> 63);
        const std::int32_t sign = -static_cast<std::int32_t>(random & 1);
        e = static_cast<std::int8_t>((magnitude ^ sign) - sign);
    }
}

}  // namespace obscura::ckks
