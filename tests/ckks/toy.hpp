#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "base/thread_pool.hpp"
#include "ckks/encoder.hpp"
#include "ckks/encryption.hpp"
#include "ckks/key_generation.hpp"
#include "ckks/key_switch.hpp"
#include "ring/primes.hpp"

/// Small insecure parameter sets and a client and a server in one, for tests only.
namespace obscura::ckks::test {

inline ParametersLiteral toy_literal(int log_degree, int levels, int special) {
    ParametersLiteral literal;
    literal.log_degree = log_degree;
    const auto primes = ring::ntt_primes(log_degree, levels + special);
    literal.special.assign(primes.begin(), primes.begin() + special);
    literal.chain.assign(primes.begin() + special, primes.end());
    literal.digit_limbs = special;
    literal.insecure_for_tests = true;
    return literal;
}

/// Slot rms of what one rounding adds: (r0 + r1 s) with r uniform in +-1/2, s ternary, conjugate-invariant ring.
inline double rounding_rms(double degree) {
    return std::sqrt(degree / 6) * std::sqrt(4 * degree / 3);
}
/// Slot rms of fresh encryption noise.
inline double fresh_rms(double degree) {
    return noise_sigma * std::sqrt(2 * degree);
}
/// Slot rms of key switching noise after division by P: digits are uniform in about +-sqrt(alpha) Q_j / 2, P is as
/// large as a digit: sum over digits of (digit rms) (error rms) sqrt(N-term products, doubled by the symmetry), plus
/// the rounding.
inline double key_switch_rms(const Context& context, int level) {
    const double n = context.degree(), alpha = context.parameters().digit_limbs();
    const double digit = std::sqrt(alpha / 12.0);  // relative to P
    const double product = digit * noise_sigma * std::sqrt(2 * n) * std::sqrt(2 * n) / std::sqrt(1.0);
    return std::sqrt(context.parameters().digits(level)) * product + rounding_rms(n);
}

/// Key files of one section.
inline std::uint64_t write_keys(const Context& context, const SecretKey& secret, const EvaluationKeyRequest& request,
                                const std::string& plan, const std::string& path) {
    const KeySection section{&context, request};
    const SectionSecrets secrets{&secret, &secret};
    return write_evaluation_keys({&section, 1}, {&secrets, 1}, plan, path, [](int, int) {});
}
inline EvaluationKeys load_keys(const Context& context, const EvaluationKeyRequest& request, const std::string& plan,
                                const std::string& path, LimbPool& pool, ThreadPool& threads) {
    const KeySection section{&context, request};
    return std::move(load_evaluation_keys({&section, 1}, plan, path, pool, threads).front());
}

struct Toy {
    explicit Toy(const ParametersLiteral& literal)
        : context(Parameters(literal)),
          encoder(literal.log_degree),
          pool(context.degree()),
          secret(SecretKey::generate(literal.log_degree)),
          transforms(context, secret, context.levels()),
          scratch(context, pool) {}

    Ciphertext encrypt(const std::vector<double>& slots, double scale, int level) {
        std::vector<double> coefficients(context.degree());
        encoder.encode(slots, coefficients);
        Ciphertext ct{ring::make_poly(pool, level), ring::make_poly(pool, level)};
        const Seed seed = fresh_seed();
        expand_seeded(context, seed, 7, ct.c1);
        encrypt_seeded(context, transforms, seed, fresh_seed(), 7, round_coefficients(coefficients, scale), ct.c0);
        return ct;
    }
    std::vector<double> decrypt(const Ciphertext& ct, double scale) const {
        const auto m = ckks::decrypt(context, transforms, ct);
        std::vector<double> coefficients(m.size()), slots(m.size());
        for (std::size_t i = 0; i < m.size(); ++i) coefficients[i] = static_cast<double>(m[i]) / scale;
        encoder.decode(coefficients, slots);
        return slots;
    }
    std::vector<double> random_slots(unsigned seed) const {
        std::mt19937_64 rng(seed);
        std::uniform_real_distribution<double> uniform(-1, 1);
        std::vector<double> slots(context.degree());
        for (auto& v : slots) v = uniform(rng);
        return slots;
    }

    Context context;
    Encoder encoder;
    LimbPool pool;
    ThreadPool threads{2};
    SecretKey secret;
    SecretTransforms transforms;
    SwitchScratch scratch;
};

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
    double d = 0;
    for (std::size_t i = 0; i < a.size(); ++i) d = std::max(d, std::abs(a[i] - b[i]));
    return d;
}

/// Rotated left: slot j of the result is slot j + step.
inline std::vector<double> rotated(const std::vector<double>& v, int step) {
    std::vector<double> r(v.size());
    for (std::size_t j = 0; j < v.size(); ++j) r[j] = v[(j + static_cast<std::size_t>(step)) % v.size()];
    return r;
}

}  // namespace obscura::ckks::test
