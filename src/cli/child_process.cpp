#include "cli/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "cli/terminal.hpp"

namespace obscura::cli {
namespace {

constexpr int exec_failed = 127;

/// Between fork and exec only functions that are safe there are called, and nothing is allocated.
[[noreturn]] void become(const char* program, char* const* arguments, const char* folder) {
    // A killed demo must not leave an inference running.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int nowhere = ::open("/dev/null", O_RDWR);
    if (nowhere < 0 || ::chdir(folder) != 0) ::_exit(exec_failed);
    ::dup2(nowhere, STDIN_FILENO);
    ::dup2(nowhere, STDOUT_FILENO);
    if (nowhere > STDERR_FILENO) ::close(nowhere);
    ::execv(program, arguments);
    ::_exit(exec_failed);
}

/// Waits, passing a request to stop on once. SIGTERM, because Ctrl-C on a terminal has reached the child already and a
/// second SIGINT would end it before it cleans up. Polling leaves no gap in which a signal could be missed.
int wait_for(pid_t child, rusage& usage) {
    constexpr useconds_t interval = 10'000;
    bool passed_on = false;
    int status = 0;
    while (true) {
        const pid_t ended = ::wait4(child, &status, WNOHANG, &usage);
        if (ended == child) return status;
        if (ended < 0 && errno != EINTR) {
            throw Error(ErrorCode::io, fmt::format("cannot wait for a child process: {}", std::strerror(errno)));
        }
        if (stop_requested() && !passed_on) {
            ::kill(child, SIGTERM);
            passed_on = true;
        }
        ::usleep(interval);
    }
}

[[noreturn]] void report_failure(const std::string& command, int status) {
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        const char* hint = signal == SIGKILL ? "; the system may have run out of memory" : "";
        throw Error(ErrorCode::resource, fmt::format("'obscura {}' was ended by signal {} ({}){}", command, signal,
                                                     strsignal(signal), hint));
    }
    const int code = WEXITSTATUS(status);
    if (code == exec_failed) throw Error(ErrorCode::io, fmt::format("'obscura {}' could not be started", command));
    throw Error(static_cast<ErrorCode>(code), fmt::format("'obscura {}' failed with exit status {}", command, code));
}

}  // namespace

std::string own_executable() {
    std::error_code problem;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", problem);
    if (problem) throw Error(ErrorCode::io, "cannot find this program's own executable: " + problem.message());
    return path.string();
}

ChildResult run_self(const std::vector<std::string>& arguments, const std::string& folder) {
    const std::string program = own_executable();
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> raw;
    for (std::string& word : words) raw.push_back(word.data());
    raw.push_back(nullptr);

    if (stop_requested()) throw Error(ErrorCode::cancelled, "stopped");
    const auto start = std::chrono::steady_clock::now();
    const pid_t child = ::fork();
    if (child < 0) throw Error(ErrorCode::resource, fmt::format("cannot start a process: {}", std::strerror(errno)));
    if (child == 0) become(program.c_str(), raw.data(), folder.c_str());

    rusage usage{};
    const int status = wait_for(child, usage);
    if (stop_requested()) throw Error(ErrorCode::cancelled, "stopped");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) report_failure(arguments.front(), status);
    ChildResult result;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result.peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    return result;
}

}  // namespace obscura::cli
