#include "ring/limb_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "base/error.hpp"

namespace obscura::ring {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t slab_bytes = std::size_t{32} << 20;
constexpr std::size_t line_words = 16;
constexpr std::size_t skew_lines = 17;
}  // namespace

LimbPool::LimbPool(std::size_t words) : words_(words), stride_(words + line_words * skew_lines) {}

LimbPool::~LimbPool() {
    for (const auto& [address, bytes] : slabs_) munmap(address, bytes);
}

void LimbPool::grow(std::size_t least_limbs) {
    const std::size_t count = std::max<std::size_t>({1, slab_bytes / (stride_ * 4), least_limbs});
    const std::size_t bytes = (count * stride_ * 4 + huge_page - 1) / huge_page * huge_page + huge_page;
    void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        throw Error(ErrorCode::resource, "no memory for " + std::to_string(bytes >> 20) + " MiB more (in use: " +
                                             std::to_string((used_ * stride_ * 4) >> 20) + " MiB of residues)");
    slabs_.emplace_back(address, bytes);
    auto start = reinterpret_cast<std::uintptr_t>(address);
    start = (start + huge_page - 1) / huge_page * huge_page;
    madvise(reinterpret_cast<void*>(start), bytes - huge_page, MADV_HUGEPAGE);
    auto* base = reinterpret_cast<std::uint32_t*>(start);
    for (std::size_t i = count; i-- > 0;) free_.push_back(base + i * stride_);
}

Limb LimbPool::take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) grow(1);
    std::uint32_t* limb = free_.back();
    free_.pop_back();
    peak_ = std::max(peak_, ++used_);
    return Limb(limb, Return{this});
}

void LimbPool::reserve(std::uint64_t limbs, ThreadPool& threads) {
    std::vector<std::uint32_t*> fresh;
    {
        std::lock_guard lock(mutex_);
        const std::uint64_t there = used_ + free_.size();
        if (there >= limbs) return;
        const auto before = static_cast<std::ptrdiff_t>(free_.size());
        grow(limbs - there);
        fresh.assign(free_.begin() + before, free_.end());
    }
    constexpr std::size_t page_words = 1024;
    threads.parallel_for(static_cast<std::int64_t>(fresh.size()), [&](std::int64_t i, int) {
        for (std::size_t w = 0; w < stride_; w += page_words) fresh[static_cast<std::size_t>(i)][w] = 0;
    });
}

void LimbPool::put(std::uint32_t* limb) {
    std::lock_guard lock(mutex_);
    free_.push_back(limb);
    --used_;
}

std::uint64_t LimbPool::bytes_in_use() const {
    std::lock_guard lock(mutex_);
    return used_ * stride_ * 4;
}

std::uint64_t LimbPool::peak_bytes() const {
    std::lock_guard lock(mutex_);
    return peak_ * stride_ * 4;
}

Poly make_poly(LimbPool& pool, int limbs) {
    Poly poly;
    poly.limbs.reserve(static_cast<std::size_t>(limbs));
    for (int i = 0; i < limbs; ++i) poly.limbs.push_back(pool.take());
    return poly;
}

}  // namespace obscura::ring
