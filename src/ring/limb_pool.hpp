#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/thread_pool.hpp"

namespace obscura::ring {

/// Hands out aligned blocks of N words, one limb of a polynomial each, and takes them back. A tensor of ciphertexts
/// drops limbs one by one as it descends the modulus chain, so the limb is the unit of memory.
///
/// Blocks lie in large slabs on huge pages, 17 cache lines apart from an exact power of two: limbs at equal offsets of
/// a power of two would fight for the same cache sets (measured: 20% of the time). Thread-safe.
class LimbPool {
  public:
    explicit LimbPool(std::size_t words);
    ~LimbPool();
    LimbPool(const LimbPool&) = delete;
    LimbPool& operator=(const LimbPool&) = delete;

    struct Return {
        LimbPool* pool = nullptr;
        void operator()(std::uint32_t* limb) const { pool->put(limb); }
    };
    using Limb = std::unique_ptr<std::uint32_t[], Return>;

    /// Contents are unspecified. Throws Error(resource) when the system has no memory left.
    Limb take();
    std::size_t words() const { return words_; }
    std::uint64_t limb_bytes() const { return stride_ * 4; }
    /// Takes memory for at least `limbs` limbs from the system now and touches every page, `threads` at a time: the
    /// first touch of fresh memory can be far slower than the work itself (virtual machines), and should not hit a
    /// loop.
    void reserve(std::uint64_t limbs, ThreadPool& threads);
    std::uint64_t bytes_in_use() const;
    std::uint64_t peak_bytes() const;

  private:
    void put(std::uint32_t* limb);
    void grow(std::size_t least_limbs);

    std::size_t words_;
    std::size_t stride_;
    mutable std::mutex mutex_;
    std::vector<std::uint32_t*> free_;
    std::vector<std::pair<void*, std::size_t>> slabs_;
    std::uint64_t used_ = 0;
    std::uint64_t peak_ = 0;
};

using Limb = LimbPool::Limb;

/// A polynomial in residue number form: limbs[i] holds its residues modulo the i-th prime; a null limb stands for zero.
struct Poly {
    std::vector<Limb> limbs;
    std::uint32_t* operator[](std::size_t i) { return limbs[i].get(); }
    const std::uint32_t* operator[](std::size_t i) const { return limbs[i].get(); }
    std::size_t size() const { return limbs.size(); }
};
Poly make_poly(LimbPool& pool, int limbs);

}  // namespace obscura::ring
