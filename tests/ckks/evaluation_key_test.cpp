#include "ckks/evaluation_key.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "ckks/evaluation_key_limbs.hpp"
#include "ckks/file_header.hpp"
#include "ckks/toy.hpp"
#include "io/residues.hpp"
#include "io/scratch.hpp"

namespace obscura::ckks::test {
namespace {

using obscura::testing::Bytes;
using obscura::testing::expect_error;
using obscura::testing::Scratch;

const std::string plan(32, 'p');
constexpr int step = 5;

/// The smallest file with every part: 2 chain primes and 1 special one, keys of two digits.
class EvaluationKeyFile : public ::testing::Test {
  protected:
    EvaluationKeyFile() { bytes = write_keys(toy.context, toy.secret, request, plan, path); }
    EvaluationKeys load(const std::string& from) {
        return load_keys(toy.context, request, plan, from, toy.pool, toy.threads);
    }
    EvaluationKeys load() { return load(path); }

    /// A well-formed file of zero residues but for what `change` does to the fields.
    struct Fields {
        u32 count = 1;
        u32 steps[2] = {0, step};
        u32 levels[2] = {2, 2};
        std::size_t bad_residue = SIZE_MAX;  ///< position over all residues
        u32 bad_value = 0;
    };
    std::string forge(const Fields& fields) {
        const auto forged = folder / "forged";
        std::filesystem::remove(forged);
        io::FileWriter out(forged, file_header(toy.context, io::FileKind::evaluation_keys, plan, bytes));
        out.u64(toy.secret.id());
        out.bytes(Seed{});
        out.u32(fields.count);
        std::size_t first = 0;
        for (int key = 0; key < 2; ++key) {
            out.u32(fields.steps[key]);
            out.u32(fields.levels[key]);
            for (int limb = 0; limb < 2 * 3; ++limb, first += toy.context.degree()) {
                std::vector<u32> residues(toy.context.degree(), 0);
                if (fields.bad_residue - first < residues.size())
                    residues[fields.bad_residue - first] = fields.bad_value;
                io::write_residues(out, residues);
            }
        }
        out.finish();
        return forged;
    }

    Toy toy{toy_literal(10, 2, 1)};
    const EvaluationKeyRequest request{2, {{step, 2}}};
    const Scratch folder;
    const std::string path = folder / "keys";
    std::uint64_t bytes = 0;
};

/// Coefficients of b + a s - [own limb] P s', without the power of two and the 1/P that keys carry, centred.
std::vector<i64> key_noise(Toy& toy, const SwitchingKey& key, DigitForm form, int digit, int t,
                           const ring::Automorphism* rotation) {
    const auto& c = toy.context;
    const auto& k = c.kernels();
    const auto& m = c.modulus(t);
    const std::size_t n = c.degree();
    const auto d = static_cast<std::size_t>(digit), limb = static_cast<std::size_t>(t);
    const u32 special = t < c.levels() ? ring::inverse_mod(c.special_inverse(t), m.q) : 1;
    const auto unscale =
        ring::make_factor(ring::mul_mod(special, ring::inverse_mod(key_factor(c, t, form), m.q), m.q), m.q);
    SecretWords s(n), a(n), b(n), target(n);
    toy.secret.evaluations(c, t, s.data());
    k.scale(m, unscale, key.a[d][limb], a.data(), n);
    k.scale(m, unscale, key.b[d][limb], b.data(), n);
    k.multiply(m, a.data(), s.data(), a.data(), n);
    k.scale(m, ring::make_factor(m.r, m.q), a.data(), a.data(), n);
    k.add(m.q, a.data(), b.data(), b.data(), n);
    if (t >= c.digit_begin(digit) && t < c.digit_end(digit, key.level)) {
        u32 factor = m.q - special;
        if (rotation != nullptr) {
            ring::apply(*rotation, s.data(), target.data());
        } else {
            k.multiply(m, s.data(), s.data(), target.data(), n);
            factor = ring::mul_mod(factor, m.r, m.q);
        }
        k.scale(m, ring::make_factor(factor, m.q), target.data(), target.data(), n);
        k.add(m.q, b.data(), target.data(), b.data(), n);
    }
    k.ntt_inverse(c.table(t), c.unit_scale(t), b.data(), b.data());
    std::vector<i64> noise(b.data(), b.data() + n);
    for (auto& e : noise)
        if (e > m.q / 2) e -= m.q;
    return noise;
}

/// Loaded keys encrypt P g_j s^2 or P g_j s(Y^(5^step)) with Gaussian noise of sigma 3.2, the same in all limbs; an
/// rms of N samples deviates by 1/sqrt(2N), six of which are 13%.
TEST(EvaluationKeys, EncryptTheirTargetsWithFreshNoise) {
    Toy toy(toy_literal(10, 5, 2));
    const Scratch folder;
    const EvaluationKeyRequest request{4, {{1, 5}, {32, 3}, {777, 2}}};
    const auto path = folder / "keys";
    write_keys(toy.context, toy.secret, request, plan, path);
    const auto keys = load_keys(toy.context, request, plan, path, toy.pool, toy.threads);
    std::vector<std::vector<i64>> all;
    const auto check = [&](const SwitchingKey& key, DigitForm form, const ring::Automorphism* rotation) {
        for (int digit = 0; digit < toy.context.parameters().digits(key.level); ++digit) {
            std::vector<i64> first;
            for (const int t : switching_key_limbs(toy.context, key.level)) {
                const auto noise = key_noise(toy, key, form, digit, t, rotation);
                if (first.empty()) first = noise;
                EXPECT_EQ(noise, first) << "digit " << digit << " limb " << t;
            }
            double sum = 0;
            for (const i64 e : first) {
                ASSERT_LE(std::abs(e), 41);
                sum += static_cast<double>(e * e);
            }
            EXPECT_NEAR(std::sqrt(sum / 1024) / noise_sigma, 1, 6 / std::sqrt(2 * 1024.0));
            for (const auto& other : all) EXPECT_NE(first, other);  // noise is never used twice
            all.push_back(first);
        }
    };
    EXPECT_EQ(keys.key_id, toy.secret.id());
    EXPECT_EQ(keys.relinearisation.level, 4);
    check(keys.relinearisation, DigitForm::montgomery, nullptr);
    ASSERT_EQ(keys.rotations.size(), 3u);
    for (const auto& [s, level] : request.rotations) {
        const auto& rotation = keys.rotation(s, level);
        EXPECT_EQ(rotation.key.level, level);
        check(rotation.key, DigitForm::exact, &rotation.automorphism);
    }
}

TEST_F(EvaluationKeyFile, HasTheAnnouncedSize) {
    EXPECT_EQ(bytes, 8 + 32 + 4 + 2 * (8 + 2 * 3 * 1024 * 30 / 8));
    const KeySection section{&toy.context, request};
    EXPECT_EQ(evaluation_key_file_bytes({&section, 1}), bytes);
    EXPECT_EQ(std::filesystem::file_size(path), 96 + bytes + 32);
    EXPECT_EQ(load().rotations.size(), 1u);
}

/// At every byte: the length is checked against the file before anything else is read, so all of them are quick.
TEST_F(EvaluationKeyFile, TruncatedAtAnyByteIsRefused) {
    for (auto size = std::filesystem::file_size(path); size-- > 0;) {
        std::filesystem::resize_file(path, size);
        EXPECT_THROW(load(), Error) << size;
    }
}

/// A file that is short, and says so in its header: the plan says how long it must be.
TEST_F(EvaluationKeyFile, ShortFilesWithAMatchingHeaderAreRefused) {
    const auto good = obscura::testing::read_file(path);
    for (std::size_t payload = 0; payload < bytes; payload += payload < 100 ? 1 : 997) {
        Bytes bad(good.begin(), good.begin() + 96 + static_cast<std::ptrdiff_t>(payload));
        bad.resize(bad.size() + 32);
        for (std::size_t i = 0; i < 8; ++i) bad[88 + i] = static_cast<std::uint8_t>(payload >> (8 * i));
        obscura::testing::write_file(path, bad);
        expect_error(ErrorCode::format, "the plan's keys take", [&] { load(); });
    }
}

/// Every byte of the header, of the counters before each key and of the checksum, and every 211th of the residues.
TEST_F(EvaluationKeyFile, AnyFlippedByteIsRefused) {
    const auto good = obscura::testing::read_file(path);
    const std::size_t counters = 8 + 32 + 4 + 8, second_key = 96 + counters + 2 * 3 * 1024 * 30 / 8;
    for (std::size_t at = 0; at < good.size(); ++at) {
        const bool field = at < 96 + counters || (at >= second_key && at < second_key + 8) || at >= good.size() - 32;
        if (!field && at % 211 != 0) continue;
        auto bad = good;
        bad[at] ^= static_cast<std::uint8_t>(1u << at % 8);
        obscura::testing::write_file(path, bad);
        EXPECT_THROW(load(), Error) << at;
    }
    obscura::testing::write_file(path, good);
    EXPECT_EQ(load().key_id, toy.secret.id());  // it was the flips
}

TEST_F(EvaluationKeyFile, TrailingBytesAreRefused) {
    auto longer = obscura::testing::read_file(path);
    longer.push_back(0);
    obscura::testing::write_file(path, longer);
    EXPECT_THROW(load(), Error);
}

/// Limbs of a key are q0, q1, p0 for digit 0, then for digit 1; a prime itself is the smallest residue out of range.
TEST_F(EvaluationKeyFile, ResiduesAboveTheirPrimeAreRefused) {
    const std::size_t n = toy.context.degree();
    EXPECT_EQ(load(forge({})).relinearisation.level, 2);
    for (std::size_t limb = 0; limb < 12; ++limb)
        for (const std::size_t place : {std::size_t{0}, n - 1}) {
            const u32 q = toy.context.prime(static_cast<int>(limb % 3));
            Fields fields;
            fields.bad_residue = limb * n + place;
            fields.bad_value = q - 1;
            EXPECT_NO_THROW(load(forge(fields)));
            for (const u32 bad : {q, (1u << 30) - 1}) {
                fields.bad_value = bad;
                expect_error(ErrorCode::format, "not below its prime " + std::to_string(q),
                             [&] { load(forge(fields)); });
            }
        }
}

TEST_F(EvaluationKeyFile, OtherKeysThanThePlansAreRefused) {
    const auto refused = [&](const std::string& text, const Fields& fields) {
        expect_error(ErrorCode::format, text, [&] { load(forge(fields)); });
    };
    for (const u32 count : {0u, 2u, 0xffffffffu}) {
        Fields fields;
        fields.count = count;
        refused(std::to_string(count) + " rotation keys", fields);
    }
    for (const int key : {0, 1}) {
        Fields fields;
        fields.steps[key] = 77;
        refused("key for step 77", fields);
        fields = {};
        fields.levels[key] = 1;
        refused("at 1 limbs where the plan wants", fields);
    }
}

TEST_F(EvaluationKeyFile, OtherPlansAndParametersAreRefused) {
    expect_error(ErrorCode::format, "another plan",
                 [&] { load_keys(toy.context, request, std::string(32, 'q'), path, toy.pool, toy.threads); });
    const Context other{Parameters(toy_literal(10, 3, 1))};
    expect_error(ErrorCode::format, "other encryption parameters",
                 [&] { load_keys(other, request, plan, path, toy.pool, toy.threads); });
    expect_error(ErrorCode::format, "the plan's keys take", [&] {
        load_keys(toy.context, {2, {{step, 2}, {6, 2}}}, plan, path, toy.pool, toy.threads);
    });
}

TEST_F(EvaluationKeyFile, OtherKindsAreRefusedAndSecretKeysAboveAll) {
    const auto secret = folder / "secret";
    save_secret_keys({&toy.secret, 1}, toy.context, plan, secret);
    expect_error(ErrorCode::security, "this is a secret key", [&] { load(secret); });
    const auto response = folder / "response";
    io::FileWriter out(response, file_header(toy.context, io::FileKind::response, plan, bytes));
    out.bytes(Bytes(bytes, 0));
    out.finish();
    expect_error(ErrorCode::format, "this file holds response", [&] { load(response); });
    expect_error(ErrorCode::io, "absent", [&] { load(folder / "absent"); });
}

TEST_F(EvaluationKeyFile, MissingAndLowKeysAreNamed) {
    const auto keys = load();
    EXPECT_EQ(&keys.rotation(step, 1), &keys.rotation(step, 2));
    expect_error(ErrorCode::format, "no rotation key for 6 slots", [&] { keys.rotation(6, 2); });
    expect_error(ErrorCode::format, "for 5 slots serves 2 limbs, 3 are needed", [&] { keys.rotation(step, 3); });
}

}  // namespace
}  // namespace obscura::ckks::test
