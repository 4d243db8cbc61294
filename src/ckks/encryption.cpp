#include "ckks/encryption.hpp"

#include <sodium.h>

#include <cassert>
#include <cmath>

#include "base/error.hpp"

namespace obscura::ckks {

namespace {

enum Domain : std::uint32_t {
    ciphertext_uniform = 1,
    ciphertext_noise = 2,
    public_key_uniform = 3,
    public_key_noise = 4,
    encryption_noise = 5
};

/// out = a + b_centred mod q for a small signed polynomial.
void lift(std::span<const std::int8_t> small, u32 q, u32* out) {
    for (std::size_t i = 0; i < small.size(); ++i) {
        const i32 v = small[i];
        out[i] = static_cast<u32>(v) + (q & static_cast<u32>(v >> 31));
    }
}

/// c0 = -c1 s + (message + noise), one limb.
void mask_limb(const Context& c, int limb, const u32* secret, const u32* c1, std::span<const i64> message,
               std::span<const std::int8_t> noise, u32* scratch, u32* c0) {
    const auto& m = c.modulus(limb);
    const u32 q = m.q;
    const std::size_t n = c.degree();
    for (std::size_t i = 0; i < n; ++i) c0[i] = ring::reduce_signed((message.empty() ? 0 : message[i]) + noise[i], q);
    c.kernels().ntt_forward(c.table(limb), c0, c0);
    c.kernels().multiply(m, c1, secret, scratch, n);                           // c1 s / 2^32
    c.kernels().scale(m, ring::make_factor(q - m.r, q), scratch, scratch, n);  // -c1 s
    c.kernels().add(q, c0, scratch, c0, n);
}

}  // namespace

SecretTransforms::SecretTransforms(const Context& context, const SecretKey& key, int limbs)
    : degree_(context.degree()), words_(degree_ * static_cast<std::size_t>(limbs)) {
    for (int t = 0; t < limbs; ++t) key.evaluations(context, t, words_.data() + static_cast<std::size_t>(t) * degree_);
}

void expand_seeded(const Context& context, const Seed& seed, std::uint64_t index, Poly& c1) {
    for (std::size_t t = 0; t < c1.size(); ++t) {
        RandomStream stream(seed, ciphertext_uniform, index << 8 | t);
        stream.uniform(context.prime(static_cast<int>(t)), {c1[t], context.degree()});
    }
}

void encrypt_seeded(const Context& context, const SecretTransforms& secret, const Seed& public_seed,
                    const Seed& noise_seed, std::uint64_t index, std::span<const i64> coefficients, Poly& c0) {
    const std::size_t n = context.degree();
    assert(coefficients.size() == n);
    std::vector<std::int8_t> noise(n);
    RandomStream noise_stream(noise_seed, ciphertext_noise, index);
    sample_gaussian(noise_stream, noise);
    SecretWords c1(n), scratch(n);
    for (std::size_t t = 0; t < c0.size(); ++t) {
        const int limb = static_cast<int>(t);
        RandomStream stream(public_seed, ciphertext_uniform, index << 8 | t);
        stream.uniform(context.prime(limb), {c1.data(), n});
        mask_limb(context, limb, secret[limb], c1.data(), coefficients, noise, scratch.data(), c0[t]);
    }
    sodium_memzero(noise.data(), noise.size());
}

PublicKey make_public_key(const Context& context, const SecretKey& key, LimbPool& pool) {
    const std::size_t n = context.degree();
    const Seed uniform_seed = fresh_seed();
    Seed noise_seed = fresh_seed();
    std::vector<std::int8_t> noise(n);
    {
        RandomStream stream(noise_seed, public_key_noise, 0);
        sample_gaussian(stream, noise);
    }
    const SecretTransforms secret(context, key, context.levels());
    PublicKey result{{ring::make_poly(pool, context.levels()), ring::make_poly(pool, context.levels())}};
    SecretWords scratch(n);
    for (int t = 0; t < context.levels(); ++t) {
        const auto limb = static_cast<std::size_t>(t);
        RandomStream stream(uniform_seed, public_key_uniform, limb);
        stream.uniform(context.prime(t), {result.zero.c1[limb], n});
        mask_limb(context, t, secret[t], result.zero.c1[limb], {}, noise, scratch.data(), result.zero.c0[limb]);
    }
    sodium_memzero(noise.data(), noise.size());
    sodium_memzero(noise_seed.data(), noise_seed.size());
    return result;
}

Ciphertext encrypt_public(const Context& context, const PublicKey& key, std::span<const i64> coefficients, int level,
                          LimbPool& pool) {
    const std::size_t n = context.degree();
    Seed seed = fresh_seed();
    std::vector<std::int8_t> v(n), e0(n), e1(n);
    RandomStream stream(seed, encryption_noise, 0);
    sample_ternary(stream, v);
    sample_gaussian(stream, e0);
    sample_gaussian(stream, e1);
    Ciphertext ct{ring::make_poly(pool, level), ring::make_poly(pool, level)};
    SecretWords masked(n), product(n);
    const auto& k = context.kernels();
    for (int t = 0; t < level; ++t) {
        const auto& m = context.modulus(t);
        const auto limb = static_cast<std::size_t>(t);
        lift(v, m.q, masked.data());
        k.ntt_forward(context.table(t), masked.data(), masked.data());
        for (int part = 0; part < 2; ++part) {
            u32* out = part == 0 ? ct.c0[limb] : ct.c1[limb];
            const auto& noise = part == 0 ? e0 : e1;
            for (std::size_t i = 0; i < n; ++i)
                out[i] = ring::reduce_signed((part == 0 ? coefficients[i] : 0) + noise[i], m.q);
            k.ntt_forward(context.table(t), out, out);
            k.multiply(m, masked.data(), part == 0 ? key.zero.c0[limb] : key.zero.c1[limb], product.data(), n);
            k.scale(m, ring::make_factor(m.r, m.q), product.data(), product.data(), n);
            k.add(m.q, out, product.data(), out, n);
        }
    }
    for (auto* secret : {&v, &e0, &e1}) sodium_memzero(secret->data(), secret->size());
    sodium_memzero(seed.data(), seed.size());
    return ct;
}

std::vector<i64> decrypt(const Context& context, const SecretTransforms& secret, const Ciphertext& ciphertext) {
    const std::size_t n = context.degree();
    const int limbs = std::min(2, ciphertext.level());
    const auto& k = context.kernels();
    SecretWords x(n * 2);
    for (int t = 0; t < limbs; ++t) {
        const auto& m = context.modulus(t);
        u32* out = x.data() + static_cast<std::size_t>(t) * n;
        k.multiply(m, ciphertext.c1[static_cast<std::size_t>(t)], secret[t], out, n);
        k.scale(m, ring::make_factor(m.r, m.q), out, out, n);
        k.add(m.q, out, ciphertext.c0[static_cast<std::size_t>(t)], out, n);
        k.ntt_inverse(context.table(t), context.unit_scale(t), out, out);
    }
    const i64 q0 = context.prime(0);
    std::vector<i64> message(n);
    if (limbs == 1) {
        for (std::size_t i = 0; i < n; ++i) message[i] = x.data()[i] > q0 / 2 ? x.data()[i] - q0 : x.data()[i];
        return message;
    }
    const u32 q1 = context.prime(1), inverse = ring::inverse_mod(static_cast<u32>(q0 % q1), q1);
    const i64 modulus = q0 * q1;
    for (std::size_t i = 0; i < n; ++i) {
        const u32 x0 = x.data()[i], x1 = x.data()[n + i];
        const u32 high = ring::mul_mod(ring::sub_mod(x1, x0 % q1, q1), inverse, q1);
        const i64 v = x0 + q0 * static_cast<i64>(high);
        message[i] = v > modulus / 2 ? v - modulus : v;
    }
    return message;
}

std::vector<i64> round_coefficients(std::span<const double> coefficients, double scale) {
    std::vector<i64> out(coefficients.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double v = coefficients[i] * scale;
        if (!(std::abs(v) < 0x1p62)) throw Error(ErrorCode::range, "a value to encrypt times its scale exceeds 2^62");
        out[i] = std::llrint(v);
    }
    return out;
}

}  // namespace obscura::ckks
