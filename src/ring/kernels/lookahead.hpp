#pragma once

#include <cstddef>
#include <span>

#include "ring/modular.hpp"

namespace obscura::ring {

/// Words of a cache line.
inline constexpr std::size_t line_words = 16;

/// Begins to fetch a line into the second-level cache.
inline void fetch_line(const u32* line) {
    constexpr int second_level = 2;
    __builtin_prefetch(line, 0, second_level);
}

/// Memory that is read soon, while something else is computed for long: fetched into the second-level cache, a few
/// lines at a time. All at once would fill the queues of the caches, and hold up what is computed.
class Lookahead {
  public:
    struct Run {
        const u32* at = nullptr;
        std::size_t lines = 0;
    };

    Lookahead() = default;
    /// Fetches the runs in order, all of them within `work`. They must outlive this.
    Lookahead(std::span<const Run> runs, std::size_t work) : runs_(runs) {
        std::size_t lines = 0;
        for (const Run& run : runs) lines += run.lines;
        lines_per_work_ = work == 0 ? 0 : (lines * one + work - 1) / work;
    }

    /// A part of the work is about to be done.
    void step(std::size_t work) {
        for (due_ += work * lines_per_work_; due_ >= one; due_ -= one) {
            while (run_.lines == 0) {
                if (runs_.empty()) return;
                run_ = runs_.front();
                runs_ = runs_.subspan(1);
            }
            fetch_line(run_.at);
            run_.at += line_words;
            --run_.lines;
        }
    }

    /// Has all been fetched?
    bool is_done() const { return runs_.empty() && run_.lines == 0; }

  private:
    static constexpr std::size_t one = std::size_t{1} << 24;
    std::span<const Run> runs_;
    Run run_;
    std::size_t lines_per_work_ = 0;  ///< in units of 1 / one
    std::size_t due_ = 0;             ///< lines that should have been fetched, in the same units
};

}  // namespace obscura::ring
