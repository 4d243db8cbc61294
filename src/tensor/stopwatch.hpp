#pragma once

#include <chrono>

namespace obscura::tensor {

/// Adds the time until its end to a counter.
class Stopwatch {
  public:
    explicit Stopwatch(double& counter) : counter_(counter), start_(std::chrono::steady_clock::now()) {}
    ~Stopwatch() { counter_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  private:
    double& counter_;
    std::chrono::steady_clock::time_point start_;
};

}  // namespace obscura::tensor
