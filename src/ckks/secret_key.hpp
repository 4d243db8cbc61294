#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ckks/context.hpp"
#include "ckks/random.hpp"

namespace obscura::ckks {

/// The secret: N coefficients in {-1, 0, 1}, uniform, in guarded memory that is erased when freed. Not copyable.
class SecretKey {
  public:
    /// A fresh key from the operating system's randomness, of degree 2^log_degree.
    static SecretKey generate(int log_degree);
    /// This key as an element of a larger ring of degree 2^log_degree, whose subring its own is.
    SecretKey embedded(int log_degree) const;
    /// Takes the coefficients (copied; the caller erases its copy).
    explicit SecretKey(std::span<const std::int8_t> coefficients);
    ~SecretKey();
    SecretKey(SecretKey&& other) noexcept;
    SecretKey& operator=(SecretKey&&) = delete;
    SecretKey(const SecretKey&) = delete;

    std::size_t degree() const { return degree_; }
    std::span<const std::int8_t> coefficients() const { return {coefficients_, degree_}; }

    /// Writes the evaluations of s modulo limb `limb` in [0, q), evaluation order. `out`: N words, 64-byte aligned; the
    /// caller erases it.
    void evaluations(const Context& context, int limb, std::uint32_t* out) const;

    /// A public name of the key (first 8 bytes of a keyed hash): ties evaluation keys and ciphertexts to it.
    std::uint64_t id() const;

  private:
    std::int8_t* coefficients_ = nullptr;
    std::size_t degree_ = 0;
};

/// Aligned words that are erased when freed: transforms of the secret.
class SecretWords {
  public:
    explicit SecretWords(std::size_t count);
    ~SecretWords();
    SecretWords(const SecretWords&) = delete;
    SecretWords& operator=(const SecretWords&) = delete;
    std::uint32_t* data() { return data_; }
    const std::uint32_t* data() const { return data_; }

  private:
    std::uint32_t* data_;
    std::size_t count_;
};

/// The keys of a plan, one for each of its ring degrees. `context` is the first segment's; `plan_digest`: digest of the
/// plan the keys were made for (32 bytes).
void save_secret_keys(std::span<const SecretKey> keys, const Context& context, const std::string& plan_digest,
                      const std::string& path);
/// Keys of these degrees. Throws Error(format) for another plan's keys or damaged contents.
std::vector<SecretKey> load_secret_keys(std::span<const int> log_degrees, const Context& context,
                                        const std::string& plan_digest, const std::string& path);

}  // namespace obscura::ckks
