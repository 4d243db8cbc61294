#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ring/conversion_bounds.hpp"
#include "ring/kernels/kernels.hpp"
#include "ring/primes.hpp"

namespace obscura::ring {

/// AVX-512 kernels compiled for the baseline, with intrinsics in plain C; null if this build has none.
const Kernels* portable_avx512_kernels();

/// Every variant that can run here, scalar first.
inline std::vector<const Kernels*> kernels_under_test() {
    auto all = available_kernels();
    if (const Kernels* k = portable_avx512_kernels()) all.push_back(k);
    return all;
}
/// The same without the reference.
inline std::vector<const Kernels*> vector_kernels_under_test() {
    auto all = kernels_under_test();
    all.erase(all.begin());
    return all;
}

/// A name that gtest accepts.
inline std::string test_name(const Kernels& k) {
    std::string name = k.name;
    std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
    return name;
}

/// 64-byte aligned words.
template <class T>
class Words {
  public:
    explicit Words(std::size_t count) : count_(count), data_(allocate(count)) {}
    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }
    std::size_t size() const { return count_; }
    T& operator[](std::size_t i) { return data_.get()[i]; }
    const T& operator[](std::size_t i) const { return data_.get()[i]; }
    operator T*() { return data_.get(); }
    std::vector<T> vector() const { return {data(), data() + count_}; }

  private:
    struct Free {
        void operator()(T* p) const { std::free(p); }
    };
    static T* allocate(std::size_t count) {
        const std::size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
        T* p = static_cast<T*>(std::aligned_alloc(64, bytes));
        std::fill(p, p + count, T{});
        return p;
    }
    std::size_t count_;
    std::unique_ptr<T, Free> data_;
};

using Random = std::mt19937_64;

/// Words below `bound` (at most 2^32), among them the ones where lazy arithmetic may go wrong.
inline Words<u32> boundary_words(Random& random, std::size_t count, u32 q, u64 bound) {
    const u64 special[] = {0,
                           1,
                           2,
                           q / 2,
                           q / 2 + 1,
                           q - 1,
                           q,
                           q + 1ull,
                           2ull * q - 1,
                           2ull * q,
                           2ull * q + 1,
                           3ull * q,
                           4ull * q - 1,
                           bound - 1,
                           bound / 2,
                           bound / 2 + 1};
    Words<u32> out(count);
    for (auto i = std::size_t{0}; i < count; ++i) {
        u64 v = random() % bound;
        if (random() % 4 == 0) {
            const u64 s = special[random() % std::size(special)];
            if (s < bound) v = s;
        }
        out[i] = static_cast<u32>(v);
    }
    return out;
}

/// Values in (-2^29, 2^29), with the extremes.
inline Words<i32> boundary_centred(Random& random, std::size_t count, u32 q) {
    const i32 limit = static_cast<i32>(q / 2);
    const i32 special[] = {0, 1, -1, limit, -limit, limit - 1, 1 - limit};
    Words<i32> out(count);
    for (auto i = std::size_t{0}; i < count; ++i)
        out[i] = random() % 4 == 0 ? special[random() % std::size(special)]
                                   : static_cast<i32>(random() % (2ull * limit + 1)) - limit;
    return out;
}

}  // namespace obscura::ring
