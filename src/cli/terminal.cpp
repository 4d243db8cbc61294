#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "base/error.hpp"
#include "cli/text.hpp"

namespace obscura::cli {
namespace {

// A signal handler can reach nothing but static storage.
std::atomic<int> interrupts{0};
std::atomic<bool> stop{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_signal(int signal) {
    stop = true;
    if (signal == SIGINT && interrupts.fetch_add(1) > 0) ::_exit(static_cast<int>(ErrorCode::cancelled));
}

constexpr int bar_width = 28;
constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds line_interval{10};

}  // namespace

void install_signal_handlers() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    // Without SA_RESTART: waiting for a child process must wake up to pass the request on.
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    // A closed pipe is reported by the write that fails.
    ::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() {
    return stop;
}

TerminalProgress::TerminalProgress(std::string task, bool quiet)
    : task_(std::move(task)), shown_(!quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

TerminalProgress::~TerminalProgress() {
    if (drawn_ && terminal_) std::fputs("\r\x1b[K", stderr);
}

void TerminalProgress::update(double done, double total, const std::string& what) {
    const Clock::time_point now = Clock::now();
    if (!shown_ || total <= 0) return;
    if (terminal_ ? drawn_ && now - last_ < terminal_interval : now - last_ < line_interval) return;
    last_ = now;
    drawn_ = true;
    const double part = std::clamp(done / total, 0.0, 1.0);
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const std::string remaining =
        part > 0.01 && elapsed > 0.5 ? "ETA " + format_seconds(elapsed / part * (1 - part)) : "";
    if (terminal_) {
        const int filled = static_cast<int>(part * bar_width);
        fmt::print(stderr, "\r\x1b[K{:<8} [{:=<{}}{:{}}] {:3.0f}%  {:<9} {}", task_, "", filled, "", bar_width - filled,
                   100 * part, remaining, what.substr(0, 40));
        std::fflush(stderr);
    } else {
        fmt::print(stderr, "{}: {:.0f}%, {} elapsed, {} ({})\n", task_, 100 * part, format_seconds(elapsed), remaining,
                   what);
    }
}

}  // namespace obscura::cli
