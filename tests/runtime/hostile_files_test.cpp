#include <gtest/gtest.h>

#include <filesystem>

#include "ckks/context.hpp"
#include "ckks/file_header.hpp"
#include "io/residues.hpp"
#include "runtime/request.hpp"
#include "runtime/request_fixture.hpp"
#include "runtime/response.hpp"

namespace obscura::test {
namespace {

using testing::Bytes;
using testing::expect_error;
namespace fs = std::filesystem;

/// A run once done, and readers for its request and its response as the two sides have them.
class HostileFiles : public ::testing::Test {
  protected:
    using u32 = std::uint32_t;

    static void SetUpTestSuite() {
        shared = std::make_unique<Deployment>(ToyShape{10, 4, 1, 4, 3, false}, 3);
        shared->infer();
    }
    static void TearDownTestSuite() { shared.reset(); }

    HostileFiles()
        : toy(*shared),
          context(ckks::Parameters(toy.plan.segments.front().parameters)),
          pool(context.degree()),
          request(testing::read_file(toy.request())),
          response(testing::read_file(toy.response())) {}

    void read_request(const std::string& path) {
        runtime::RequestReader reader(toy.plan, context, path, {});
        while (reader.next()) reader.read(pool, threads);
    }
    void read_response(const std::string& path) {
        runtime::ResponseReader reader(toy.plan, context, path, {});
        while (reader.next()) reader.read(pool);
    }
    void read(bool is_request, const std::string& path) { is_request ? read_request(path) : read_response(path); }

    /// A well-formed file of one group: the fields as numbers of 32 bits, then zero residues but for one.
    std::string forge(bool is_request, std::vector<u32> fields, std::size_t bad_residue = SIZE_MAX, u32 value = 0) {
        const auto path = scratch / "forged";
        fs::remove(path);
        const auto kind = is_request ? io::FileKind::request : io::FileKind::response;
        const auto bytes = (is_request ? request : response).size() - 128;
        io::FileWriter out(path, ckks::file_header(context, kind, runtime::digest_bytes(toy.plan), bytes));
        for (const u32 field : fields) out.u32(field);
        const std::size_t n = context.degree(), limb_bytes = io::packed_bytes(n);
        for (std::size_t limb = 0; limb < (bytes - 4 * fields.size()) / limb_bytes; ++limb) {
            std::vector<u32> residues(n, 0);
            if (bad_residue / n == limb) residues[bad_residue % n] = value;
            io::write_residues(out, residues);
        }
        out.finish();
        return path;
    }
    /// Key, stream, group, groups, images; then by kind: ciphertexts and seed, or checksum, scores and limbs.
    static std::vector<u32> tag_fields(u32 images) { return {1, 2, 3, 4, 5, 6, 0, 1, images}; }
    std::vector<u32> request_fields(u32 images) const {
        auto fields = tag_fields(images);
        fields.push_back(static_cast<u32>(toy.plan.cell.pixels() * toy.plan.input.channels));
        fields.resize(fields.size() + 8);
        return fields;
    }
    std::vector<u32> response_fields(u32 images) const {
        auto fields = tag_fields(images);
        fields.resize(fields.size() + 8);
        const auto& head = toy.plan.layers.back();
        fields.insert(fields.end(), {static_cast<u32>(head.out_channels), static_cast<u32>(head.level)});
        return fields;
    }
    std::vector<u32> fields(bool is_request, u32 images) const {
        return is_request ? request_fields(images) : response_fields(images);
    }

    static std::unique_ptr<Deployment> shared;
    const Deployment& toy;
    const ckks::Context context;
    ckks::LimbPool pool;
    ThreadPool threads{2};
    const testing::Scratch scratch;
    const Bytes request, response;
};
std::unique_ptr<Deployment> HostileFiles::shared;

/// Every byte of the header, the fields and the tail, and every 61st of the residues (their number is prime to the 15
/// words of a block of residues, so all places in a block come up).
TEST_F(HostileFiles, TruncatedFilesAreRefused) {
    for (const bool is_request : {true, false}) {
        const auto path = scratch / "short";
        const auto& good = is_request ? request : response;
        testing::write_file(path, good);
        for (std::size_t size = good.size(); size-- > 0;) {
            if (size > 200 && size < good.size() - 40 && size % 61 != 0) continue;
            fs::resize_file(path, size);
            EXPECT_THROW(read(is_request, path), Error) << size;
        }
    }
}

/// Every byte of the header, the fields and the tail, and every 331st of the residues: one bit of each, in turn.
TEST_F(HostileFiles, FlippedBytesAreRefused) {
    for (const bool is_request : {true, false}) {
        const auto path = scratch / "flipped";
        const auto& good = is_request ? request : response;
        for (std::size_t at = 0; at < good.size(); ++at) {
            if (at > 200 && at < good.size() - 40 && at % 331 != 0) continue;
            auto bad = good;
            bad[at] ^= static_cast<std::uint8_t>(1u << at % 8);
            testing::write_file(path, bad);
            EXPECT_THROW(read(is_request, path), Error) << at;
        }
        testing::write_file(path, good);
        EXPECT_NO_THROW(read(is_request, path));
    }
}

TEST_F(HostileFiles, ResiduesAboveTheirPrimeAreRefused) {
    const std::size_t n = context.degree();
    for (const bool is_request : {true, false}) {
        const auto levels =
            static_cast<std::size_t>(is_request ? runtime::input_level(toy.plan) : toy.plan.layers.back().level);
        for (std::size_t limb = 0; limb < 2 * levels; ++limb) {
            const u32 q = context.prime(static_cast<int>(limb % levels));
            EXPECT_NO_THROW(read(is_request, forge(is_request, fields(is_request, 1), limb * n + 17, q - 1)));
            for (const u32 bad : {q, (1u << 30) - 1})
                expect_error(ErrorCode::format, "not below its prime " + std::to_string(q),
                             [&] { read(is_request, forge(is_request, fields(is_request, 1), limb * n + 17, bad)); });
        }
    }
}

TEST_F(HostileFiles, NumbersOfImagesOutsideTheBatchAreRefused) {
    const auto batch = static_cast<u32>(toy.plan.batch());
    for (const bool is_request : {true, false}) {
        for (const u32 images : {1u, batch})
            EXPECT_NO_THROW(read(is_request, forge(is_request, fields(is_request, images))));
        for (const u32 images : {0u, batch + 1, 0x80000000u, 0xffffffffu})
            expect_error(ErrorCode::format,
                         std::to_string(images) + " images in a group of at most " + std::to_string(batch),
                         [&] { read(is_request, forge(is_request, fields(is_request, images))); });
    }
}

TEST_F(HostileFiles, NumbersOfGroupsThatCannotBeAreRefused) {
    for (const bool is_request : {true, false}) {
        const auto with = [&](u32 group, u32 groups) {
            auto changed = fields(is_request, 1);
            changed[6] = group;
            changed[7] = groups;
            return forge(is_request, changed);
        };
        for (const u32 groups : {0u, 0x80000000u / static_cast<u32>(toy.plan.batch()), 0xffffffffu})
            expect_error(ErrorCode::format, std::to_string(groups) + " groups of",
                         [&] { read(is_request, with(0, groups)); });
        expect_error(ErrorCode::format, "this is group 2 of 2 where group 1 belongs",
                     [&] { read(is_request, with(1, 2)); });
        expect_error(ErrorCode::format, "this is group 4294967296 of 2 where group 1 belongs",
                     [&] { read(is_request, with(0xffffffffu, 2)); });
        expect_error(ErrorCode::format, "except the last must hold", [&] { read(is_request, with(0, 2)); });
    }
}

TEST_F(HostileFiles, OtherNumbersOfCiphertextsAreRefused) {
    auto counted = request_fields(1);
    ++counted[9];
    expect_error(ErrorCode::format, "5 ciphertexts where the plan has 4", [&] { read_request(forge(true, counted)); });
    for (const std::size_t field : {17, 18}) {
        auto shape = response_fields(1);
        shape[field] = 77;
        expect_error(ErrorCode::format, "where the plan has 3 of 2", [&] { read_response(forge(false, shape)); });
    }
}

/// The same parameters, other weights: files of one plan do not pass as another's, wherever they are used.
TEST_F(HostileFiles, OtherPlansFilesAreRefused) {
    const Deployment other({10, 4, 1, 4, 3, false}, 3, 9);
    const auto result = scratch / "response";
    expect_error(ErrorCode::format, "another plan", [&] { toy.infer(other.evaluation(), toy.request(), result); });
    expect_error(ErrorCode::format, "another plan", [&] { toy.infer(toy.evaluation(), other.request(), result); });
    expect_error(ErrorCode::format, "another plan", [&] { other.decrypt(toy.response()); });
    Silent silent;
    expect_error(ErrorCode::format, "another plan", [&] {
        runtime::decrypt(toy.plan, other.secret(), {toy.response(), {}}, silent);
    });
    EXPECT_FALSE(fs::exists(result));
}

TEST_F(HostileFiles, OtherKeysOfTheSamePlanAreRefused) {
    const Deployment other({10, 4, 1, 4, 3, false}, 3);
    const auto result = scratch / "response";
    expect_error(ErrorCode::format, "different secret keys",
                 [&] { toy.infer(other.evaluation(), toy.request(), result); });
    expect_error(ErrorCode::format, "another key", [&] { other.decrypt(toy.response()); });
    EXPECT_FALSE(fs::exists(result));
}

TEST_F(HostileFiles, SecretKeysAreRefusedByTheServer) {
    const auto result = scratch / "response";
    expect_error(ErrorCode::security, "this is a secret key", [&] { toy.infer(toy.secret(), toy.request(), result); });
    expect_error(ErrorCode::security, "this is a secret key",
                 [&] { toy.infer(toy.evaluation(), toy.secret(), result); });
    expect_error(ErrorCode::security, "this is a secret key", [&] { read_response(toy.secret()); });
    expect_error(ErrorCode::format, "is expected", [&] { toy.infer(toy.request(), toy.request(), result); });
    expect_error(ErrorCode::format, "is expected", [&] { toy.infer(toy.evaluation(), toy.response(), result); });
    EXPECT_FALSE(fs::exists(result));
}

}  // namespace
}  // namespace obscura::test
