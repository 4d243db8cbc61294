#include "cli/kernel_bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>

#include "base/aligned.hpp"
#include "base/error.hpp"
#include "ckks/switch_timing.hpp"
#include "cli/terminal.hpp"
#include "ring/limb_pool.hpp"
#include "ring/primes.hpp"

namespace obscura::cli {
namespace {

using ring::Kernels;
using ring::Limb;
using ring::u32;

constexpr int log_degree = 15;
constexpr std::size_t degree = 1u << log_degree;

/// Median seconds of a call: a warm-up, then at least five calls and a fifth of a second.
double median_seconds(const std::function<void()>& call) {
    using Clock = std::chrono::steady_clock;
    constexpr double enough_seconds = 0.2;
    constexpr std::size_t enough_calls = 5;
    call();
    std::vector<double> times;
    for (double total = 0; total < enough_seconds || times.size() < enough_calls; total += times.back()) {
        if (stop_requested()) throw Error(ErrorCode::cancelled, "stopped");
        const auto start = Clock::now();
        call();
        times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
}

/// Chooses the variant that a Context made meanwhile takes. Nothing else runs in this process then.
class ScopedVariant {
  public:
    explicit ScopedVariant(const char* name) {
        if (const char* old = std::getenv(variable)) old_ = old;
        ::setenv(variable, name, 1);
    }
    ~ScopedVariant() { old_.empty() ? ::unsetenv(variable) : ::setenv(variable, old_.c_str(), 1); }
    ScopedVariant(const ScopedVariant&) = delete;
    ScopedVariant& operator=(const ScopedVariant&) = delete;

  private:
    static constexpr const char* variable = "OBSCURA_ISA";
    std::string old_;
};

Limb random_limb(ring::LimbPool& pool, u32 q, std::mt19937& random) {
    Limb limb = pool.take();
    for (std::size_t i = 0; i < degree; ++i) limb[i] = random() % q;
    return limb;
}

class Bench {
  public:
    Bench(std::vector<KernelTime>& results, const Kernels& kernels) : results_(results), kernels_(kernels) {}

    /// `work` units of `unit` a call; 0 if there is no useful rate.
    void time(const std::string& operation, double work, const std::string& unit, const std::function<void()>& call) {
        const double seconds = median_seconds(call);
        results_.push_back({kernels_.name, operation, 1e6 * seconds, work / seconds, unit});
    }

    void ring_kernels();
    void matrix_product();
    void key_switching(const ckks::ParametersLiteral& literal);

  private:
    std::vector<KernelTime>& results_;
    const Kernels& kernels_;
    ring::LimbPool pool_{degree};
    std::mt19937 random_{1};
};

void Bench::ring_kernels() {
    constexpr int sources = 7;
    constexpr int targets = 4;
    constexpr int digits = 3;
    const std::vector<u32> primes = ring::ntt_primes(log_degree, sources + targets);
    const ring::NttTable table = ring::make_ntt_table(log_degree, primes[0]);
    const ring::Modulus& m = table.modulus;
    const ring::InverseScale unit = ring::make_inverse_scale(table, 1);
    std::vector<Limb> limbs;
    for (int i = 0; i < 2 * sources + targets; ++i) limbs.push_back(random_limb(pool_, m.q, random_));

    time("NTT", 0, "", [&] { kernels_.ntt_forward(table, limbs[0].get(), limbs[1].get()); });
    time("inverse NTT", 0, "", [&] { kernels_.ntt_inverse(table, unit, limbs[0].get(), limbs[1].get()); });
    const u32* digit[digits] = {limbs[0].get(), limbs[1].get(), limbs[2].get()};
    const u32* key0[digits] = {limbs[3].get(), limbs[4].get(), limbs[5].get()};
    const u32* key1[digits] = {limbs[6].get(), limbs[7].get(), limbs[8].get()};
    time("key product, 3 digits", 2.0 * digits * degree, "multiplications/s", [&] {
        kernels_.inner_product(m, digit, key0, key1, digits, nullptr, 0, limbs[9].get(), limbs[10].get(), degree);
    });

    time("square and key product, 3 digits", 2.0 * (digits + 1) * degree, "multiplications/s", [&] {
        kernels_.square_inner_product(m, digit, key0, key1, digits, limbs[9].get(), limbs[10].get(), limbs[9].get(),
                                      limbs[0].get(), degree);
    });

    // Small values serve as centred sources, and as factors below every prime.
    std::vector<ring::Modulus> moduli;
    for (int t = 0; t < targets; ++t)
        moduli.push_back(ring::make_modulus(primes[static_cast<std::size_t>(sources + t)]));
    std::vector<const ring::i32*> y;
    for (int i = 0; i < sources; ++i) {
        for (std::size_t n = 0; n < degree; ++n) limbs[static_cast<std::size_t>(i)][n] >>= 2;
        y.push_back(reinterpret_cast<const ring::i32*>(limbs[static_cast<std::size_t>(i)].get()));
    }
    std::vector<ring::ConversionTarget> goals;
    for (int t = 0; t < targets; ++t) {
        const auto at = static_cast<std::size_t>(t);
        goals.push_back({&moduli[at], y[0], 1, limbs[static_cast<std::size_t>(sources) + at].get()});
    }
    time("base conversion, 7 primes to 4", static_cast<double>(sources * targets) * degree, "multiplications/s",
         [&] { kernels_.convert(y.data(), sources, nullptr, goals.data(), targets, 0, degree); });
}

/// 144 rows to 16 outputs, a 3x3 convolution of 16 channels, on a piece of evaluation points that fits the caches.
void Bench::matrix_product() {
    constexpr int rows = 144;
    constexpr int outputs = 16;
    constexpr std::size_t count = 256;
    const ring::Modulus m = ring::make_modulus(ring::ntt_primes(log_degree, 1)[0]);
    AlignedWords packed(rows * count);
    const ring::Panel panel{packed.data(), rows / 2};
    const Limb a = random_limb(pool_, m.q, random_);
    const Limb b = random_limb(pool_, m.q, random_);
    for (int pair = 0; pair < panel.pairs; ++pair)
        kernels_.pack_pair(a.get(), b.get(), {packed.data(), panel.pairs, pair}, count);
    std::vector<u32> weights(outputs * rows / 2);
    for (u32& w : weights) w = (random_() & 0xff) | (random_() & 0xff) << 16;
    std::vector<Limb> out;
    std::vector<u32*> outs;
    for (int o = 0; o < outputs; ++o) {
        out.push_back(pool_.take());
        outs.push_back(out.back().get());
    }
    time("matrix product, 144 rows to 16", static_cast<double>(rows * outputs) * count, "multiply-adds/s",
         [&] { kernels_.matrix_product(m, &panel, 1, weights.data(), outputs, outs.data(), false, count); });
}

void Bench::key_switching(const ckks::ParametersLiteral& literal) {
    const ScopedVariant variant(kernels_.name);
    const ckks::Context context{ckks::Parameters(literal)};
    const int levels = context.levels();
    for (const ring::KernelJob& job : ckks::switch_jobs(context, {levels, levels / 2, levels / 4}))
        time(job.kernel, job.operations, job.unit, job.run);
}

}  // namespace

std::vector<KernelTime> time_kernels(int levels, int special) {
    const std::vector<u32> primes = ring::ntt_primes(log_degree, levels + special);
    ckks::ParametersLiteral literal;
    literal.log_degree = log_degree;
    literal.special.assign(primes.begin(), primes.begin() + special);
    literal.chain.assign(primes.begin() + special, primes.end());
    literal.digit_limbs = special;
    std::vector<KernelTime> results;
    for (const Kernels* kernels : ring::available_kernels()) {
        Bench bench(results, *kernels);
        bench.ring_kernels();
        bench.matrix_product();
        bench.key_switching(literal);
    }
    return results;
}

}  // namespace obscura::cli
