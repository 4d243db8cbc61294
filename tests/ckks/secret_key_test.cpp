#include "ckks/secret_key.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "ckks/file_header.hpp"
#include "ckks/toy.hpp"
#include "io/scratch.hpp"

namespace obscura::ckks::test {
namespace {

using obscura::testing::expect_error;
using obscura::testing::Scratch;

const std::string plan(32, 'p');

class SecretKeyFile : public ::testing::Test {
  protected:
    SecretKeyFile() { save_secret_keys({&secret, 1}, context, plan, path); }

    static SecretKey load(const Context& context, const std::string& plan_digest, const std::string& path) {
        const int degree[] = {10};
        return std::move(load_secret_keys(degree, context, plan_digest, path).front());
    }

    std::vector<std::int8_t> coefficients(const SecretKey& key) const {
        return {key.coefficients().begin(), key.coefficients().end()};
    }

    const Context context{Parameters(toy_literal(10, 3, 1))};
    const SecretKey secret = SecretKey::generate(context.parameters().log_degree());
    const Scratch folder;
    const std::string path = folder / "secret";
};

TEST_F(SecretKeyFile, RoundTrips) {
    const auto loaded = load(context, plan, path);
    EXPECT_EQ(coefficients(loaded), coefficients(secret));
    EXPECT_EQ(loaded.id(), secret.id());
    EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST_F(SecretKeyFile, IsReadableByItsOwnerOnly) {
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SecretKeyFile, ValuesThatAreNotTernaryAreRefused) {
    for (const std::uint8_t bad : {3, 4, 128, 255})
        for (const std::size_t place : {0, 511, 1023}) {
            std::vector<std::uint8_t> bytes(1024, 1);
            bytes[place] = bad;
            const auto hostile = folder / "hostile";
            io::FileWriter out(hostile, file_header(context, io::FileKind::secret_key, plan, bytes.size()));
            out.bytes(bytes);
            out.finish();
            expect_error(ErrorCode::format, "not -1, 0 or 1", [&] { load(context, plan, hostile); });
            std::filesystem::remove(hostile);
        }
}

TEST_F(SecretKeyFile, OtherPlansParametersAndKindsAreRefused) {
    expect_error(ErrorCode::format, "another plan", [&] { load(context, std::string(32, 'q'), path); });
    const Context other{Parameters(toy_literal(10, 2, 1))};
    expect_error(ErrorCode::format, "other encryption parameters", [&] { load(other, plan, path); });
    const auto response = folder / "response";
    io::FileWriter out(response, file_header(context, io::FileKind::response, plan, 1024));
    out.bytes(std::vector<std::uint8_t>(1024, 1));
    out.finish();
    expect_error(ErrorCode::format, "secret key", [&] { load(context, plan, response); });
}

TEST_F(SecretKeyFile, OtherLengthsAreRefused) {
    for (const std::size_t length : {0, 1023, 1025, 2048}) {
        const auto hostile = folder / ("length" + std::to_string(length));
        io::FileWriter out(hostile, file_header(context, io::FileKind::secret_key, plan, length));
        out.bytes(std::vector<std::uint8_t>(length, 1));
        out.finish();
        expect_error(ErrorCode::format, "the plan's secret keys have 1024", [&] { load(context, plan, hostile); });
    }
}

TEST_F(SecretKeyFile, TruncatedAtAnyByteIsRefused) {
    for (auto size = std::filesystem::file_size(path); size-- > 0;) {
        std::filesystem::resize_file(path, size);
        EXPECT_THROW(load(context, plan, path), Error) << size;
    }
}

TEST_F(SecretKeyFile, AnyFlippedByteIsRefused) {
    const auto good = obscura::testing::read_file(path);
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto bad = good;
        bad[at] ^= static_cast<std::uint8_t>(1u << at % 8);
        obscura::testing::write_file(path, bad);
        EXPECT_THROW(load(context, plan, path), Error) << at;
    }
}

/// A plan of two rings has two keys, one after the other.
TEST_F(SecretKeyFile, HoldsAKeyForEveryRing) {
    const Context larger{Parameters(toy_literal(11, 3, 1))};
    const auto both = folder / "both";
    std::vector<SecretKey> keys;
    for (const int log_degree : {11, 10}) keys.push_back(SecretKey::generate(log_degree));
    save_secret_keys(keys, larger, plan, both);
    const int degrees[] = {11, 10};
    const auto loaded = load_secret_keys(degrees, larger, plan, both);
    ASSERT_EQ(loaded.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(coefficients(loaded[i]), coefficients(keys[i]));
    const int one[] = {11};
    expect_error(ErrorCode::format, "3072 bytes, the plan's secret keys have 2048",
                 [&] { load_secret_keys(one, larger, plan, both); });
}

/// An embedded key is the same element: Y of the smaller ring is Y^2 of the larger one, so its evaluations repeat.
TEST(SecretKey, EmbedsInALargerRing) {
    const auto literal = toy_literal(12, 2, 1);
    const Context large{Parameters(literal)};
    auto same_primes = literal;
    same_primes.log_degree = 10;
    const Context small_ring{Parameters(same_primes)};
    const auto secret = SecretKey::generate(10);
    const auto embedded = secret.embedded(12);
    SecretWords own(1024), wide(4096);
    for (int t = 0; t < large.limbs(); ++t) {
        secret.evaluations(small_ring, t, own.data());
        embedded.evaluations(large, t, wide.data());
        for (std::size_t i = 0; i < 4096; ++i) ASSERT_EQ(wide.data()[i], own.data()[i % 1024]) << t << " " << i;
    }
}

TEST(SecretKey, EvaluationsTransformBackToTheCoefficients) {
    const Context context{Parameters(toy_literal(11, 3, 2))};
    const auto secret = SecretKey::generate(context.parameters().log_degree());
    SecretWords words(context.degree());
    for (int t = 0; t < context.limbs(); ++t) {
        secret.evaluations(context, t, words.data());
        context.kernels().ntt_inverse(context.table(t), context.unit_scale(t), words.data(), words.data());
        for (std::size_t i = 0; i < context.degree(); ++i)
            ASSERT_EQ(words.data()[i], ring::reduce_signed(secret.coefficients()[i], context.prime(t)));
    }
}

/// The id names the coefficients, all of them.
TEST(SecretKey, IdsDiffer) {
    const Context context{Parameters(toy_literal(10, 2, 1))};
    std::vector<std::int8_t> s(context.degree(), 0);
    const auto id = SecretKey(s).id();
    EXPECT_EQ(SecretKey(s).id(), id);
    for (const std::size_t place : {0, 1023}) {
        auto changed = s;
        changed[place] = 1;
        EXPECT_NE(SecretKey(changed).id(), id);
    }
    EXPECT_NE(SecretKey::generate(context.parameters().log_degree()).id(),
              SecretKey::generate(context.parameters().log_degree()).id());
}

TEST(SecretKey, MovesWithoutCopying) {
    const Context context{Parameters(toy_literal(10, 2, 1))};
    auto secret = SecretKey::generate(context.parameters().log_degree());
    const auto* place = secret.coefficients().data();
    const SecretKey moved(std::move(secret));
    EXPECT_EQ(moved.coefficients().data(), place);
    EXPECT_EQ(moved.coefficients().size(), context.degree());
}

}  // namespace
}  // namespace obscura::ckks::test
