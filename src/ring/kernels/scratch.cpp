#include "ring/kernels/scratch.hpp"

#include <memory>
#include <new>

namespace obscura::ring {

namespace {

constexpr std::align_val_t alignment{64};

struct Release {
    void operator()(u32* p) const { ::operator delete[](p, alignment); }
};

}  // namespace

u32* kernel_scratch(std::size_t words) {
    thread_local std::unique_ptr<u32[], Release> area;
    thread_local std::size_t capacity = 0;
    if (words > capacity) {
        area.reset(static_cast<u32*>(::operator new[](words * sizeof(u32), alignment)));
        capacity = words;
    }
    return area.get();
}

}  // namespace obscura::ring
