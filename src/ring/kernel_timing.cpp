#include "ring/kernel_timing.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>

#include "ring/primes.hpp"

namespace obscura::ring {

namespace {

constexpr int prime_count = 11, sources = 7, targets = 4, digits = 3;
/// Outputs of the products of a residual network's three stages, K = 9 channels.
struct ProductShape {
    int rows, outputs;
};
constexpr ProductShape product_shapes[] = {{144, 16}, {288, 32}, {576, 64}};

/// Rows of residues and tables that all jobs of one ring size share.
struct Workload {
    int log_degree;
    std::size_t degree, chunk, stride;
    std::vector<NttTable> tables;
    std::vector<InverseScale> scales;
    std::vector<u32> weights;
    std::vector<i32> factors, reciprocals;

    explicit Workload(int log)
        : log_degree(log),
          degree(std::size_t{1} << log),
          chunk(degree / row_pieces),
          stride(degree + 17 * 16) {  // a power of two apart, rows would compete for the same cache sets
        for (const u32 q : ntt_primes(log, prime_count)) {
            tables.push_back(make_ntt_table(log, q));
            scales.push_back(make_inverse_scale(tables.back(), 1));
            reciprocals.push_back(static_cast<i32>(((u64{1} << 58) + q / 2) / q));
        }
        const u32 q = tables.back().modulus.q;  // the smallest: residues modulo every prime
        words_.reset(static_cast<u32*>(::operator new[](row_count* stride * sizeof(u32), alignment)));
        for (std::size_t i = 0; i < row_count * stride; ++i) words_[i] = next() % q;
        centred_.reset(static_cast<i32*>(::operator new[](sources* stride * sizeof(i32), alignment)));
        for (std::size_t i = 0; i < sources * stride; ++i)
            centred_[i] = static_cast<i32>(next() % q) - static_cast<i32>(q / 2);
        for (int i = 0; i < targets * sources; ++i) factors.push_back(ring::centred(next() % q, q));
        for (const auto& shape : product_shapes)
            for (int i = 0; i < shape.rows / 2 * shape.outputs; ++i) weights.push_back(next() & 0x003f003f);
    }
    /// Residues; the panels of the products use the same words.
    u32* row(int i) const { return words_.get() + static_cast<std::size_t>(i) * stride; }
    const i32* centred(int i) const { return centred_.get() + static_cast<std::size_t>(i) * stride; }

  private:
    static constexpr std::size_t row_count = 16;
    static constexpr std::align_val_t alignment{64};
    struct Release {
        void operator()(void* p) const { ::operator delete[](p, alignment); }
    };
    u32 next() {
        state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
        return static_cast<u32>(state_ >> 34);
    }
    u64 state_ = 2026;
    std::unique_ptr<u32[], Release> words_;
    std::unique_ptr<i32[], Release> centred_;
};

using SharedWorkload = std::shared_ptr<const Workload>;

void convert_job(const Kernels& k, const Workload& w) {
    const i32* from[sources];
    ConversionTarget to[targets];
    for (int i = 0; i < sources; ++i) from[i] = w.centred(i);
    for (int t = 0; t < targets; ++t)
        to[t] = {&w.tables[sources + t].modulus, w.factors.data() + t * sources, 0, w.row(t)};
    k.convert(from, sources, nullptr, to, targets, 0, w.degree);
}

void quotient_job(const Kernels& k, const Workload& w) {
    const i32* from[sources];
    for (int i = 0; i < sources; ++i) from[i] = w.centred(i);
    k.quotient(from, w.reciprocals.data(), sources, 58, reinterpret_cast<i32*>(w.row(0)), w.degree);
}

void square_job(const Kernels& k, const Workload& w) {
    const u32 *d[digits], *key0[digits], *key1[digits];
    for (int j = 0; j < digits; ++j) {
        d[j] = w.row(j);
        key0[j] = w.row(digits + j);
        key1[j] = w.row(2 * digits + j);
    }
    k.square_inner_product(w.tables.back().modulus, d, key0, key1, digits, w.row(9), w.row(10), w.row(9), w.row(11),
                           w.degree);
}

/// In chunks, as rotated operands are read.
void inner_product_job(const Kernels& k, const Workload& w) {
    for (std::size_t at = 0; at < w.degree; at += w.chunk) {
        const u32 *d[digits], *key0[digits], *key1[digits];
        for (int j = 0; j < digits; ++j) {
            d[j] = w.row(j) + at;
            key0[j] = w.row(digits + j) + at;
            key1[j] = w.row(2 * digits + j) + at;
        }
        k.inner_product(w.tables.back().modulus, d, key0, key1, digits, w.row(9) + at, 12345, w.row(10) + at,
                        w.row(11) + at, w.chunk);
    }
}

void pack_job(const Kernels& k, const Workload& w) {
    for (std::size_t at = 0; at < w.degree; at += w.chunk)
        k.pack_pair(w.row(0) + at, w.row(1) + at, {w.row(2) + 2 * (at % (w.degree / 2)), 1, 0}, w.chunk);
}

void switch_job(const Kernels& k, const Workload& w) {
    for (std::size_t at = 0; at < w.degree; at += w.chunk) {
        const u32 *key0[digits], *key1[digits];
        std::array<SwitchedRow, 2> rows;
        for (int j = 0; j < digits; ++j) {
            for (std::size_t i = 0; i < 2; ++i)
                rows[i].digits[static_cast<std::size_t>(j)] = w.row(2 * j + static_cast<int>(i)) + at;
            key0[j] = w.row(2 * digits + j) + at;
            key1[j] = w.row(3 * digits + j) + at;
        }
        for (std::size_t i = 0; i < 2; ++i) rows[i].c0 = w.row(4 * digits + static_cast<int>(i)) + at;
        u32* const panel = w.row(4 * digits + 2);
        k.switch_pair(w.tables.back().modulus, rows, key0, key1, digits, {panel, 2, 0}, {panel, 2, 1}, w.chunk);
    }
}

void product_job(const Kernels& k, const Workload& w, const ProductShape& shape, std::size_t first_weight) {
    std::vector<u32*> outs;
    for (int o = 0; o < shape.outputs; ++o) outs.push_back(w.row(15) + static_cast<std::size_t>(o) * w.chunk);
    const Panel panel{w.row(0), shape.rows / 2};
    k.matrix_product(w.tables.back().modulus, &panel, 1, w.weights.data() + first_weight, shape.outputs, outs.data(),
                     false, w.chunk);
}

void add_jobs(const Kernels& k, const SharedWorkload& w, std::vector<KernelJob>& jobs) {
    const double n = static_cast<double>(w->degree), butterflies = n / 2 * w->log_degree;
    const auto add = [&](const char* kernel, double operations, const char* unit, std::function<void()> run) {
        jobs.push_back({k.name, kernel, operations, unit, std::move(run)});
    };
    add("ntt_forward", butterflies, "butterflies", [&k, w] { k.ntt_forward(w->tables[0], w->row(0), w->row(0)); });
    add("ntt_inverse", butterflies, "butterflies",
        [&k, w] { k.ntt_inverse(w->tables[0], w->scales[0], w->row(0), w->row(0)); });
    add("convert 7->4", n * sources * targets, "multiply-adds", [&k, w] { convert_job(k, *w); });
    add("quotient 7", n * sources, "multiply-adds", [&k, w] { quotient_job(k, *w); });
    add("inner_product 3", n * 2 * digits, "multiply-adds", [&k, w] { inner_product_job(k, *w); });
    add("square_inner_product 3", n * 2 * (digits + 1), "multiply-adds", [&k, w] { square_job(k, *w); });
    add("switch_pair 3", n * 4 * digits, "multiply-adds", [&k, w] { switch_job(k, *w); });
    add("pack_pair", 2 * n, "words", [&k, w] { pack_job(k, *w); });
    add("subtract_scale", n, "words", [&k, w] {
        k.subtract_scale(w->tables.back().modulus, make_factor(12345, w->tables.back().modulus.q), 7, w->row(1),
                         w->row(2), w->row(3), w->degree);
    });
    std::size_t first_weight = 0;
    for (const auto& shape : product_shapes) {
        add(("matrix_product K=" + std::to_string(shape.rows)).c_str(),
            static_cast<double>(shape.rows) * shape.outputs * static_cast<double>(w->chunk), "multiply-adds",
            [&k, w, shape, first_weight] { product_job(k, *w, shape, first_weight); });
        first_weight += static_cast<std::size_t>(shape.rows / 2 * shape.outputs);
    }
}

}  // namespace

std::vector<KernelJob> kernel_jobs(int log_degree) {
    const auto workload = std::make_shared<const Workload>(log_degree);
    std::vector<KernelJob> jobs;
    for (const Kernels* k : available_kernels()) add_jobs(*k, workload, jobs);
    return jobs;
}

std::vector<KernelTiming> time_kernels(int log_degree, double seconds_each) {
    using Clock = std::chrono::steady_clock;
    const auto microseconds = [](Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); };
    std::vector<KernelTiming> timings;
    for (const auto& job : kernel_jobs(log_degree)) {
        job.run();  // touches the memory and fills the caches
        std::vector<double> times;
        const auto start = Clock::now();
        do {
            const auto before = Clock::now();
            job.run();
            times.push_back(microseconds(Clock::now() - before));
        } while (microseconds(Clock::now() - start) < seconds_each * 1e6 || times.size() < 3);
        std::sort(times.begin(), times.end());
        const double median = times[times.size() / 2];
        timings.push_back({job.variant, job.kernel, times.front(), median, job.operations / median / 1e3, job.unit});
    }
    return timings;
}

}  // namespace obscura::ring
