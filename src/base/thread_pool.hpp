#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace obscura {

/// A fixed team of threads for data-parallel loops. The team never changes size; loops do not nest.
class ThreadPool {
  public:
    /// `threads` = 0 takes one per core. The calling thread is worker 0, so threads - 1 are started.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int size() const { return static_cast<int>(workers_.size()) + 1; }

    /// Calls body(index, worker) for every index in [0, count), in increasing order of start, worker in [0, size()).
    /// The first exception a body throws ends the loop early and is rethrown here.
    void parallel_for(std::int64_t count, const std::function<void(std::int64_t index, int worker)>& body);

  private:
    void work(int worker);
    void drain(int worker);

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    const std::function<void(std::int64_t, int)>* body_ = nullptr;
    std::int64_t next_ = 0;
    std::int64_t count_ = 0;
    std::uint64_t generation_ = 0;
    int busy_ = 0;
    bool stop_ = false;
    std::exception_ptr error_;
};

}  // namespace obscura
