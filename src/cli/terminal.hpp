#pragma once

#include <chrono>
#include <string>

#include "base/progress.hpp"

/// Progress on the terminal, and Ctrl-C.
namespace obscura::cli {

/// Makes SIGINT and SIGTERM ask for a clean stop. A second SIGINT ends the process at once.
void install_signal_handlers();

/// True after a first SIGINT or SIGTERM.
bool stop_requested();

/// Shows progress on standard error: a bar with the remaining time on a terminal, otherwise a line every ten seconds.
class TerminalProgress : public Progress {
  public:
    /// `task` names the command in front of the bar. A quiet one shows nothing, but still asks for a stop on Ctrl-C.
    TerminalProgress(std::string task, bool quiet);
    ~TerminalProgress() override;
    TerminalProgress(const TerminalProgress&) = delete;
    TerminalProgress& operator=(const TerminalProgress&) = delete;

    void update(double done, double total, const std::string& what) override;
    bool cancelled() const override { return stop_requested(); }

  private:
    using Clock = std::chrono::steady_clock;

    std::string task_;
    bool shown_;
    bool terminal_;
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

}  // namespace obscura::cli
