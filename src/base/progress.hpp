#pragma once

#include <atomic>
#include <string>

namespace obscura {

/// Receives the progress of long work and may ask for it to stop. Called from one thread at a time.
class Progress {
  public:
    virtual ~Progress() = default;
    /// `done` of `total` work units (seconds by the plan's cost model, or plain counts) are finished; `what` is the
    /// step that starts now, for example a layer's name.
    virtual void update(double done, double total, const std::string& what) = 0;
    /// True once the user asked to stop; long work then throws Error(cancelled) at the next safe point.
    virtual bool cancelled() const { return false; }
};

}  // namespace obscura
