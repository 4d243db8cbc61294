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
    SecretKeyFile() { save_secret_key(secret, context, plan, path); }

    std::vector<std::int8_t> coefficients(const SecretKey& key) const {
        return {key.coefficients().begin(), key.coefficients().end()};
    }

    const Context context{Parameters(toy_literal(10, 3, 1))};
    const SecretKey secret = SecretKey::generate(context);
    const Scratch folder;
    const std::string path = folder / "secret";
};

TEST_F(SecretKeyFile, RoundTrips) {
    const auto loaded = load_secret_key(context, plan, path);
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
            expect_error(ErrorCode::format, "not -1, 0 or 1", [&] { load_secret_key(context, plan, hostile); });
            std::filesystem::remove(hostile);
        }
}

TEST_F(SecretKeyFile, OtherPlansParametersAndKindsAreRefused) {
    expect_error(ErrorCode::format, "another plan", [&] { load_secret_key(context, std::string(32, 'q'), path); });
    const Context other{Parameters(toy_literal(10, 2, 1))};
    expect_error(ErrorCode::format, "other encryption parameters", [&] { load_secret_key(other, plan, path); });
    const auto response = folder / "response";
    io::FileWriter out(response, file_header(context, io::FileKind::response, plan, 1024));
    out.bytes(std::vector<std::uint8_t>(1024, 1));
    out.finish();
    expect_error(ErrorCode::format, "secret key", [&] { load_secret_key(context, plan, response); });
}

TEST_F(SecretKeyFile, OtherLengthsAreRefused) {
    for (const std::size_t length : {0, 1023, 1025, 2048}) {
        const auto hostile = folder / ("length" + std::to_string(length));
        io::FileWriter out(hostile, file_header(context, io::FileKind::secret_key, plan, length));
        out.bytes(std::vector<std::uint8_t>(length, 1));
        out.finish();
        expect_error(ErrorCode::format, "one byte a coefficient", [&] { load_secret_key(context, plan, hostile); });
    }
}

TEST_F(SecretKeyFile, TruncatedAtAnyByteIsRefused) {
    for (auto size = std::filesystem::file_size(path); size-- > 0;) {
        std::filesystem::resize_file(path, size);
        EXPECT_THROW(load_secret_key(context, plan, path), Error) << size;
    }
}

TEST_F(SecretKeyFile, AnyFlippedByteIsRefused) {
    const auto good = obscura::testing::read_file(path);
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto bad = good;
        bad[at] ^= static_cast<std::uint8_t>(1u << at % 8);
        obscura::testing::write_file(path, bad);
        EXPECT_THROW(load_secret_key(context, plan, path), Error) << at;
    }
}

TEST(SecretKey, EvaluationsTransformBackToTheCoefficients) {
    const Context context{Parameters(toy_literal(11, 3, 2))};
    const auto secret = SecretKey::generate(context);
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
    const auto id = SecretKey(context, s).id();
    EXPECT_EQ(SecretKey(context, s).id(), id);
    for (const std::size_t place : {0, 1023}) {
        auto changed = s;
        changed[place] = 1;
        EXPECT_NE(SecretKey(context, changed).id(), id);
    }
    EXPECT_NE(SecretKey::generate(context).id(), SecretKey::generate(context).id());
}

TEST(SecretKey, MovesWithoutCopying) {
    const Context context{Parameters(toy_literal(10, 2, 1))};
    auto secret = SecretKey::generate(context);
    const auto* place = secret.coefficients().data();
    const SecretKey moved(std::move(secret));
    EXPECT_EQ(moved.coefficients().data(), place);
    EXPECT_EQ(moved.coefficients().size(), context.degree());
}

}  // namespace
}  // namespace obscura::ckks::test
