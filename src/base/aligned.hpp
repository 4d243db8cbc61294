#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace obscura {

/// A block of 32-bit words that starts on a cache line. Contents are unspecified at first.
class AlignedWords {
  public:
    AlignedWords() = default;
    explicit AlignedWords(std::size_t count)
        : words_(static_cast<std::uint32_t*>(::operator new(count * sizeof(std::uint32_t), alignment))) {}
    std::uint32_t* data() const { return words_.get(); }

  private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(std::uint32_t* p) const { ::operator delete(p, alignment); }
    };
    std::unique_ptr<std::uint32_t, Free> words_;
};

}  // namespace obscura
