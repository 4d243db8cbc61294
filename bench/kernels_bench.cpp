#include <benchmark/benchmark.h>

#include "ring/kernel_timing.hpp"

/// Every kernel of every variant at the two common ring sizes: --benchmark_filter=avx2/15/ntt
int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    for (const int log_degree : {15, 16})
        for (auto& job : obscura::ring::kernel_jobs(log_degree)) {
            const std::string name = job.variant + "/" + std::to_string(log_degree) + "/" + job.kernel;
            benchmark::RegisterBenchmark(name.c_str(), [job](benchmark::State& state) {
                for (auto _ : state) job.run();
                state.counters[job.unit + "/s"] = benchmark::Counter(
                    job.operations, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
            })->Unit(benchmark::kMicrosecond);
        }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
