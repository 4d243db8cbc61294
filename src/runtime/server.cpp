#include "runtime/server.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "runtime/executor.hpp"
#include "runtime/request.hpp"
#include "runtime/response.hpp"

namespace obscura::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Progress within one group as part of the progress over all that this run has to do.
class GroupProgress : public Progress {
  public:
    GroupProgress(Progress& all, const GroupTag& tag, std::uint32_t resumed)
        : all_(all), done_(tag.group - resumed), groups_(tag.groups - resumed) {
        if (tag.groups > 1) prefix_ = fmt::format("group {} of {}: ", tag.group + 1, tag.groups);
    }
    void update(double done, double total, const std::string& what) override {
        all_.update(done_ + done / total, groups_, prefix_ + what);
    }
    bool cancelled() const override { return all_.cancelled(); }

  private:
    Progress& all_;
    double done_, groups_;
    std::string prefix_;
};

void add(std::vector<LayerReport>& sums, const std::vector<LayerReport>& group) {
    if (sums.empty()) {
        sums = group;
        return;
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
        sums[i].seconds += group[i].seconds;
        sums[i].relinearise_seconds += group[i].relinearise_seconds;
        sums[i].rotate_seconds += group[i].rotate_seconds;
        sums[i].product_seconds += group[i].product_seconds;
        sums[i].finish_seconds += group[i].finish_seconds;
        sums[i].peak_limb_bytes = std::max(sums[i].peak_limb_bytes, group[i].peak_limb_bytes);
    }
}

/// One run of the server: what is made once, and the loop over the groups.
class Server {
  public:
    Server(const plan::Plan& plan, const SegmentContexts& contexts, const std::string& evaluation_path,
           const InferenceOptions& options, Progress& progress)
        : plan_(plan),
          contexts_(contexts),
          evaluation_path_(evaluation_path),
          progress_(progress),
          threads_(options.threads),
          pool_(contexts.input().degree()),
          memory_(options.memory_bytes ? tensor::plan_process_memory(plan, *options.memory_bytes, threads_.size())
                                       : tensor::plan_memory(plan, plan.memory_bytes, threads_.size())) {
        progress.update(0, 1, "reading keys");
        keys_ =
            ckks::load_evaluation_keys(contexts.key_sections(), digest_bytes(plan), evaluation_path, pool_, threads_);
        progress.update(0, 1, "waiting for the request");
    }

    void run(RequestReader& request, ResponseWriter& response);
    /// Fills in what is known at the end.
    InferenceReport report();

  private:
    void begin(RequestReader& request, ResponseWriter& response);
    void evaluate(RequestReader& request, ResponseWriter& response);

    const plan::Plan& plan_;
    const SegmentContexts& contexts_;
    const std::string& evaluation_path_;
    Progress& progress_;
    Clock::time_point load_start_ = Clock::now();
    ThreadPool threads_;
    ckks::LimbPool pool_;
    tensor::MemoryPlan memory_;
    std::vector<ckks::EvaluationKeys> keys_;  ///< [section]
    InferenceReport report_;
};

void Server::run(RequestReader& request, ResponseWriter& response) {
    while (request.next()) {
        const GroupTag& tag = request.tag();
        if (tag.key_id != keys_.front().key_id)
            throw Error(ErrorCode::format, fmt::format("{} and {} were made with different secret keys", request.name(),
                                                       evaluation_path_));
        if (progress_.cancelled()) throw Error(ErrorCode::cancelled, "interrupted");
        if (tag.group < response.resumed()) {
            progress_.update(0, 1, fmt::format("group {} of {} is finished already", tag.group + 1, tag.groups));
            response.check({tag, request.skip()});
            ++report_.groups_resumed;
        } else {
            if (tag.group == response.resumed()) begin(request, response);
            evaluate(request, response);
        }
        ++report_.groups;
        report_.images += static_cast<int>(tag.images);
    }
}

/// Memory and room for the response are taken once, before the first group that there is to evaluate.
void Server::begin(RequestReader& request, ResponseWriter& response) {
    progress_.update(0, 1, "reserving memory");
    pool_.reserve(memory_.peak(), threads_);
    // only a file is known to hold the groups that it announces
    if (request.is_file()) response.reserve(request.tag().groups);
}

void Server::evaluate(RequestReader& request, ResponseWriter& response) {
    const GroupTag tag = request.tag();
    GroupProgress progress(progress_, tag, response.resumed());
    progress.update(0, 1, "reading");
    auto group = request.read(pool_, threads_);
    report_.load_seconds += seconds_since(load_start_);
    const auto start = Clock::now();
    std::vector<LayerReport> layers;
    const auto scores =
        execute(plan_, contexts_, keys_, std::move(group.input), pool_, threads_, memory_, progress, layers);
    report_.seconds += seconds_since(start);
    load_start_ = Clock::now();
    response.append({tag, group.checksum}, scores);
    add(report_.layers, layers);
}

InferenceReport Server::report() {
    report_.kernels = contexts_.input().kernels().name;
    report_.predicted_limb_bytes = memory_.peak() * pool_.limb_bytes();
    report_.peak_limb_bytes = pool_.peak_bytes();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report_.peak_process_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    return report_;
}

}  // namespace

InferenceReport infer(const plan::Plan& plan, const std::string& evaluation_path, const std::string& request_path,
                      const std::string& response_path, const InferenceOptions& options, Progress& progress) {
    const io::Cancelled cancelled = [&] { return progress.cancelled(); };
    const SegmentContexts contexts(plan);
    ResponseWriter response(plan, contexts.output(), response_path, options.restart, cancelled);
    Server server(plan, contexts, evaluation_path, options, progress);
    RequestReader request(plan, contexts.input(), request_path, cancelled);
    try {
        server.run(request, response);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::cancelled && response.finished() == response.resumed()) throw;
        throw Error(error.code(), error.what() + response.what_is_kept());
    }
    response.finish();
    InferenceReport report = server.report();
    report.request_bytes = request.bytes();
    report.response_bytes = response.bytes();
    return report;
}

}  // namespace obscura::runtime
