#include "runtime/server.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>

#include "base/error.hpp"
#include "runtime/batch_files.hpp"
#include "runtime/executor.hpp"

namespace obscura::runtime {

InferenceReport infer(const plan::Plan& plan, const std::string& evaluation_path, const std::string& request_path,
                      const std::string& response_path, const InferenceOptions& options, Progress& progress) {
    using Clock = std::chrono::steady_clock;
    const auto seconds_since = [](Clock::time_point start) {
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    InferenceReport report;
    const auto load_start = Clock::now();
    const ckks::Context context{ckks::Parameters(plan.parameters)};
    ThreadPool threads(options.threads);
    ckks::LimbPool pool(context.degree());
    progress.update(0, 1, "reading keys");
    const auto keys =
        ckks::load_evaluation_keys(context, evaluation_key_request(plan), digest_bytes(plan), evaluation_path, pool);
    progress.update(0, 1, "reading the request");
    auto request = read_request(plan, context, request_path, pool);
    if (request.key_id != keys.key_id)
        throw Error(ErrorCode::format,
                    fmt::format("{} and {} were made with different secret keys", request_path, evaluation_path));
    progress.update(0, 1, "reserving memory");
    const auto memory = tensor::plan_memory(plan, options.memory_bytes, threads.size());
    pool.reserve(memory.peak(), threads);
    report.load_seconds = seconds_since(load_start);

    const auto start = Clock::now();
    const auto scores =
        execute(plan, context, keys, std::move(request.input), pool, threads, memory, progress, report.layers);
    report.seconds = seconds_since(start);
    report.predicted_limb_bytes = memory.peak() * pool.limb_bytes();
    write_response(plan, context, response_path, request.key_id, request.images, scores);

    report.images = request.images;
    report.kernels = context.kernels().name;
    report.peak_limb_bytes = pool.peak_bytes();
    report.request_bytes = std::filesystem::file_size(request_path);
    report.response_bytes = std::filesystem::file_size(response_path);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report.peak_process_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    return report;
}

}  // namespace obscura::runtime
