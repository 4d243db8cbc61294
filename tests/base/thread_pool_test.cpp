#include "base/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

namespace obscura {
namespace {

TEST(ThreadPool, EveryIndexOnce) {
    for (const int threads : {1, 2, 5}) {
        ThreadPool pool(threads);
        ASSERT_EQ(pool.size(), threads);
        for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
            std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
            std::atomic<bool> workers_in_range = true;
            pool.parallel_for(count, [&](std::int64_t i, int worker) {
                ++seen[static_cast<std::size_t>(i)];
                if (worker < 0 || worker >= threads) workers_in_range = false;
            });
            for (const auto& s : seen) ASSERT_EQ(s, 1);
            ASSERT_TRUE(workers_in_range);
        }
    }
}

TEST(ThreadPool, OneWorkerRunsOneIndexAtATime) {
    ThreadPool pool(4);
    std::vector<std::atomic<int>> busy(4);
    std::atomic<bool> overlap = false;
    pool.parallel_for(2000, [&](std::int64_t, int worker) {
        if (++busy[static_cast<std::size_t>(worker)] != 1) overlap = true;
        --busy[static_cast<std::size_t>(worker)];
    });
    EXPECT_FALSE(overlap);
}

TEST(ThreadPool, ExceptionsArriveAndThePoolStaysUsable) {
    ThreadPool pool(3);
    for (int round = 0; round < 20; ++round) {
        constexpr std::int64_t endless = std::int64_t{1} << 60;  // only a loop that ends early returns at all
        try {
            pool.parallel_for(endless, [&](std::int64_t i, int) {
                if (i == 10) throw std::runtime_error("index " + std::to_string(i));
            });
            FAIL() << "no exception";
        } catch (const std::runtime_error& e) {
            EXPECT_STREQ(e.what(), "index 10");
        }
        std::atomic<int> after = 0;
        pool.parallel_for(50, [&](std::int64_t, int) { ++after; });
        EXPECT_EQ(after, 50);
    }
}

TEST(ThreadPool, OneThreadRunsInOrder) {
    ThreadPool pool(1);
    std::vector<std::int64_t> order;
    pool.parallel_for(100, [&](std::int64_t i, int) { order.push_back(i); });
    for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace obscura
