#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "runtime/request_fixture.hpp"
#include "runtime/response.hpp"

namespace obscura::test {
namespace {

using testing::Bytes;
using testing::expect_error;
namespace fs = std::filesystem;

/// Three groups, the last with 5 images, and their response; cut, mixed and gone on with by the tests.
class GroupStream : public ::testing::Test {
  protected:
    static constexpr ToyShape shape{10, 4, 1, 4, 3, false};
    static constexpr int last_images = 5;

    static void SetUpTestSuite() {
        ::signal(SIGPIPE, SIG_IGN);  // readers that refuse a stream do not read it to its end
        const int batch = toy_plan(shape, 1).batch();
        shared = std::make_unique<Deployment>(shape, 2 * batch + last_images);
        whole_report = shared->infer();
    }
    static void TearDownTestSuite() { shared.reset(); }

    GroupStream()
        : toy(*shared), request(testing::read_file(toy.request())), response(testing::read_file(toy.response())) {}

    static Bytes group(const Bytes& stream, std::size_t index) {
        const auto size = static_cast<std::ptrdiff_t>(stream.size() / 3),
                   first = size * static_cast<std::ptrdiff_t>(index);
        return Bytes(stream.begin() + first, stream.begin() + first + size);
    }
    static Bytes groups(const Bytes& stream, std::initializer_list<std::size_t> indices) {
        Bytes result;
        for (const auto index : indices) {
            const Bytes one = group(stream, index);
            result.insert(result.end(), one.begin(), one.end());
        }
        return result;
    }
    std::string written(const std::string& name, const Bytes& bytes) const {
        testing::write_file(scratch / name, bytes);
        return scratch / name;
    }
    /// Goes on with a partial response of these bytes; the response.
    std::string resume(const Bytes& partial, runtime::InferenceReport* report = nullptr) const {
        written("resumed.partial", partial);
        const auto found = toy.infer(toy.evaluation(), toy.request(), scratch / "resumed");
        if (report) *report = found;
        return scratch / "resumed";
    }

    static std::unique_ptr<Deployment> shared;
    static runtime::InferenceReport whole_report;
    const Deployment& toy;
    const testing::Scratch scratch;
    const Bytes request, response;
};
std::unique_ptr<Deployment> GroupStream::shared;
runtime::InferenceReport GroupStream::whole_report;

TEST_F(GroupStream, ReportsAndSizesAddUp) {
    EXPECT_EQ(whole_report.groups, 3);
    EXPECT_EQ(whole_report.groups_resumed, 0);
    EXPECT_EQ(whole_report.images, toy.pictures.count);
    EXPECT_EQ(whole_report.request_bytes, request.size());
    EXPECT_EQ(whole_report.response_bytes, response.size());
    EXPECT_EQ(whole_report.layers.size(), toy.plan.layers.size());
    // memory is that of one group
    EXPECT_LE(static_cast<double>(whole_report.peak_limb_bytes),
              1.01 * static_cast<double>(whole_report.predicted_limb_bytes));
}

/// The same images, group by group in requests of their own, give the same classes and, up to noise, the same scores.
TEST_F(GroupStream, SeveralGroupsEqualTheirImagesAlone) {
    const auto all = toy.decrypt();
    ASSERT_EQ(all.images, toy.pictures.count);
    const int batch = toy.plan.batch();
    const auto expected = plain_scores(toy.plan, toy.pictures, 0, 0);
    double error = 0, size = 0, apart = 0;
    for (int first = 0; first < toy.pictures.count; first += batch) {
        const int count = std::min(batch, toy.pictures.count - first);
        Silent silent;
        const std::string own = scratch / "own", answer = scratch / "answer";
        const auto written =
            runtime::encrypt(toy.plan, toy.secret(), io::slice(toy.pictures, first, count), own, 1, silent);
        EXPECT_EQ(written.groups, 1u);
        EXPECT_EQ(written.bytes, request.size() / 3);
        toy.infer(toy.evaluation(), own, answer);
        const auto part = toy.decrypt(answer);
        ASSERT_EQ(part.images, count);
        for (std::size_t i = 0; i < part.scores.size(); ++i) {
            const std::size_t at = static_cast<std::size_t>(first * all.classes) + i;
            apart += std::pow(all.scores[at] - part.scores[i], 2);
            error += std::pow(all.scores[at] - expected[at], 2);
            size += std::pow(expected[at], 2);
        }
    }
    EXPECT_LT(std::sqrt(error / size), 0.005);
    EXPECT_LT(std::sqrt(apart / size), 0.01);
}

/// Asked to, the client compares a response with the request that it sent; the answer to another one is refused, be it
/// of the same images and key, and so is one to ciphertexts that somebody changed and sealed again.
TEST_F(GroupStream, ResponsesAnswerTheirRequest) {
    EXPECT_EQ(toy.decrypt(toy.response(), toy.request()).scores, toy.decrypt().scores);
    Silent silent;
    const std::string other = scratch / "other";
    runtime::encrypt(toy.plan, toy.secret(), toy.pictures, other, 1, silent);
    expect_error(ErrorCode::format, "answers another request than " + other,
                 [&] { toy.decrypt(toy.response(), other); });
    Bytes changed = request;
    const std::size_t size = request.size() / 3, seed = size + 96 + 36 + 4, sealed = 2 * size - 32;
    changed[seed] ^= 1;
    crypto_generichash(&changed[sealed], 32, &changed[size], size - 32, nullptr, 0);
    expect_error(ErrorCode::format, "group 2 answers other ciphertexts",
                 [&] { toy.decrypt(toy.response(), written("changed", changed)); });
    changed[sealed] ^= 1;
    expect_error(ErrorCode::format, "checksum", [&] { toy.decrypt(toy.response(), written("damaged", changed)); });
    expect_error(ErrorCode::io, "missing", [&] { toy.decrypt(toy.response(), scratch / "missing"); });
}

/// Against docs/formats.md, byte by byte: what both sides, and versions of them, must agree on.
TEST_F(GroupStream, BytesAreAsDocumented) {
    const auto u32 = [](const Bytes& bytes, std::size_t at) {
        return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    };
    const auto part = [](const Bytes& bytes, std::size_t at, std::size_t size) {
        const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        return Bytes(first, first + static_cast<std::ptrdiff_t>(size));
    };
    const int batch = toy.plan.batch(), ciphertexts = toy.plan.cell.pixels() * toy.plan.input.channels;
    const auto& head = toy.plan.layers.back();
    const std::size_t limb = (std::size_t{1} << toy.plan.segments.front().parameters.log_degree) * 15 / 4;
    for (int i = 0; i < 3; ++i) {
        const Bytes asked = group(request, static_cast<std::size_t>(i)),
                    answer = group(response, static_cast<std::size_t>(i));
        for (const Bytes* one : {&asked, &answer}) {
            EXPECT_EQ(u32(*one, 8), 7) << "version";
            EXPECT_EQ(part(*one, 96, 8 + 16), part(request, 96, 8 + 16)) << "key and stream";
            EXPECT_EQ(u32(*one, 120), i);
            EXPECT_EQ(u32(*one, 124), 3);
            EXPECT_EQ(u32(*one, 128), i < 2 ? batch : last_images);
        }
        EXPECT_EQ(u32(asked, 132), ciphertexts);
        EXPECT_EQ(asked.size(),
                  96 + 36 + 4 + 32 + static_cast<std::size_t>(ciphertexts * toy.plan.layers[0].level) * limb + 32);
        EXPECT_EQ(part(answer, 132, 32), part(asked, asked.size() - 32, 32)) << "the request's checksum";
        EXPECT_EQ(u32(answer, 164), head.out_channels);
        EXPECT_EQ(u32(answer, 168), head.level);
        EXPECT_EQ(answer.size(),
                  96 + 36 + 32 + 8 + static_cast<std::size_t>(2 * head.out_channels * head.level) * limb + 32);
    }
}

TEST_F(GroupStream, EveryGroupHasSeedsOfItsOwn) {
    const std::size_t seed = 96 + 36 + 4;
    for (const std::size_t other : {1, 2}) {
        const Bytes a = group(request, 0), b = group(request, other);
        EXPECT_FALSE(std::equal(a.begin() + seed, a.begin() + seed + 32, b.begin() + seed));
        EXPECT_TRUE(std::equal(a.begin() + 96, a.begin() + 96 + 24, b.begin() + 96)) << "key and stream are the same";
    }
}

TEST_F(GroupStream, TravelsThroughPipes) {
    const std::string in = scratch / "in";
    ASSERT_EQ(::mkfifo(in.c_str(), 0600), 0);
    std::thread client([&] { testing::write_file(in, request); });
    const auto report = toy.infer(toy.evaluation(), in, scratch / "answer", 2);
    client.join();
    EXPECT_EQ(report.request_bytes, request.size());
    EXPECT_TRUE(testing::read_file(scratch / "answer") == response);
    const std::string back = scratch / "back";
    ASSERT_EQ(::mkfifo(back.c_str(), 0600), 0);
    std::thread server([&] { testing::write_file(back, response); });
    EXPECT_EQ(toy.decrypt(back).scores, toy.decrypt().scores);
    server.join();
}

/// A run killed at any moment: whatever it left, the next one writes the same bytes.
TEST_F(GroupStream, ResumedResponsesAreByteIdentical) {
    const std::size_t one = response.size() / 3;
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{96}, one - 1, one, one + 1, 2 * one - 32,
                                   2 * one, 2 * one + 200, 3 * one - 1, 3 * one}) {
        SCOPED_TRACE(size);
        runtime::InferenceReport report;
        const auto path =
            resume(Bytes(response.begin(), response.begin() + static_cast<std::ptrdiff_t>(size)), &report);
        EXPECT_TRUE(testing::read_file(path) == response);
        EXPECT_EQ(report.groups_resumed, static_cast<int>(size / one));
        EXPECT_EQ(report.groups, 3);
        EXPECT_FALSE(fs::exists(path + ".partial"));
    }
}

TEST_F(GroupStream, DamagedTailsAreCutOff) {
    const std::size_t one = response.size() / 3;
    for (const std::size_t at : {one, one + 24, one + 96, one + 150, 2 * one - 1}) {
        SCOPED_TRACE(at);
        Bytes damaged = response;
        damaged[at] ^= 1;
        runtime::InferenceReport report;
        EXPECT_TRUE(testing::read_file(resume(damaged, &report)) == response);
        EXPECT_EQ(report.groups_resumed, 1);
    }
    // whole groups, but more than there can be
    EXPECT_TRUE(testing::read_file(resume(groups(response, {0, 1, 2, 0}))) == response);
    // zeros where the last blocks never reached the disk
    Bytes torn = groups(response, {0, 1});
    std::fill(torn.end() - static_cast<std::ptrdiff_t>(one), torn.end(), std::uint8_t{0});
    EXPECT_TRUE(testing::read_file(resume(torn)) == response);
}

TEST_F(GroupStream, AStoppedRunKeepsItsFinishedGroups) {
    const auto path = scratch / "stopped";
    runtime::InferenceOptions options;
    options.threads = 1;
    std::size_t most = 0;
    for (int updates = 8;; updates += 8) {
        StopAfter progress(updates);
        try {
            runtime::infer(toy.plan, toy.evaluation(), toy.request(), path, options, progress);
            break;
        } catch (const Error& error) {
            ASSERT_EQ(error.code(), ErrorCode::cancelled) << error.what();
            EXPECT_FALSE(fs::exists(path));
            const auto kept = testing::read_file(path + ".partial");
            EXPECT_EQ(kept.size() % (response.size() / 3), 0u);
            EXPECT_TRUE(std::equal(kept.begin(), kept.end(), response.begin()));
            EXPECT_EQ(std::string(error.what()).find("kept in") == std::string::npos, kept.empty());
            most = std::max(most, kept.size());
        }
    }
    EXPECT_GE(most, response.size() / 3);
    EXPECT_TRUE(testing::read_file(path) == response);
}

TEST_F(GroupStream, PartialResponsesOfOthersAreRefused) {
    Silent silent;
    const auto before = groups(response, {0, 1});
    const auto refused = [&](const Deployment& server, const std::string& batch, const std::string& why) {
        const auto path = scratch / "resumed";
        expect_error(ErrorCode::format, why, [&] { server.infer(server.evaluation(), batch, path); });
        expect_error(ErrorCode::format, "--restart", [&] { server.infer(server.evaluation(), batch, path); });
        EXPECT_TRUE(testing::read_file(path + ".partial") == before) << "and is not touched";
        EXPECT_FALSE(fs::exists(path));
    };
    written("resumed.partial", before);
    // the same images, encrypted again
    runtime::encrypt(toy.plan, toy.secret(), toy.pictures, scratch / "again", 1, silent);
    refused(toy, scratch / "again", "its group 1 answers another request");
    const Deployment other_key(shape, 3);
    refused(other_key, other_key.request(), "its group 1 answers another request");
    const Deployment other_plan(shape, 3, 9);
    refused(other_plan, other_plan.request(), "another plan");
    written("resumed.partial", request);
    expect_error(ErrorCode::format, "--restart",
                 [&] { toy.infer(toy.evaluation(), toy.request(), scratch / "resumed"); });
    fs::copy_file(toy.secret(), scratch / "resumed.partial", fs::copy_options::overwrite_existing);
    expect_error(ErrorCode::security, "secret key",
                 [&] { toy.infer(toy.evaluation(), toy.request(), scratch / "resumed"); });

    runtime::InferenceOptions options;
    options.restart = true;
    const auto report = runtime::infer(toy.plan, toy.evaluation(), toy.request(), scratch / "resumed", options, silent);
    EXPECT_EQ(report.groups_resumed, 0);
    EXPECT_TRUE(testing::read_file(scratch / "resumed") == response);
}

/// Every order of groups but the right one, in requests and in responses.
TEST_F(GroupStream, MissingRepeatedAndReorderedGroupsAreRefused) {
    const auto refused = [&](std::initializer_list<std::size_t> order, const std::string& why) {
        for (const bool pipe : {false, true}) {
            const auto reader = [&](const Bytes& stream, auto action) {
                const std::string path = scratch / "stream";
                fs::remove(path);
                std::thread writer;
                if (pipe) {
                    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
                    writer = std::thread([&] { testing::write_file(path, groups(stream, order)); });
                } else {
                    testing::write_file(path, groups(stream, order));
                }
                expect_error(ErrorCode::format, pipe ? why : "", [&] { action(path); });
                if (pipe) writer.join();
            };
            reader(response, [&](const std::string& path) { toy.decrypt(path); });
            reader(request, [&](const std::string& path) { toy.infer(toy.evaluation(), path, scratch / "answer", 1); });
            EXPECT_FALSE(fs::exists(scratch / "answer"));
            fs::remove(scratch / "answer.partial");
        }
    };
    refused({0}, "it ends after 1 of 3 groups");
    refused({0, 1}, "it ends after 2 of 3 groups");
    refused({1, 2}, "this is group 2 of 3 where group 1 belongs");
    refused({0, 2}, "this is group 3 of 3 where group 2 belongs");
    refused({0, 0, 1}, "this is group 1 of 3 where group 2 belongs");
    refused({0, 2, 1}, "this is group 3 of 3 where group 2 belongs");
}

TEST_F(GroupStream, FilesAreCheckedForAllTheirGroupsBeforeAnyWork) {
    const auto answer = scratch / "answer";
    for (const auto order : {std::initializer_list<std::size_t>{0, 1}, {0, 1, 2, 2}}) {
        const auto path = written("wrong", groups(request, order));
        expect_error(ErrorCode::format, "3 groups of", [&] { toy.infer(toy.evaluation(), path, answer); });
        EXPECT_FALSE(fs::exists(answer + ".partial"));
    }
}

TEST_F(GroupStream, GroupsOfDifferentRequestsDoNotMix) {
    Silent silent;
    runtime::encrypt(toy.plan, toy.secret(), toy.pictures, scratch / "again", 1, silent);
    Bytes mixed = group(request, 0);
    const Bytes rest = groups(testing::read_file(scratch / "again"), {1, 2});
    mixed.insert(mixed.end(), rest.begin(), rest.end());
    expect_error(ErrorCode::format, "group 2 of 3: it belongs to another request",
                 [&] { toy.infer(toy.evaluation(), written("mixed", mixed), scratch / "answer"); });
    // the group before was good, and its work is kept
    EXPECT_TRUE(testing::read_file(scratch / "answer.partial") == group(response, 0));
}

TEST_F(GroupStream, ADamagedGroupIsNamedAndTheOnesBeforeItKept) {
    Bytes damaged = request;
    damaged[request.size() / 3 + 5000] ^= 1;
    expect_error(ErrorCode::format, "group 2 of 3",
                 [&] { toy.infer(toy.evaluation(), written("damaged", damaged), scratch / "answer"); });
    runtime::InferenceReport report = toy.infer(toy.evaluation(), toy.request(), scratch / "answer");
    EXPECT_EQ(report.groups_resumed, 1);
    EXPECT_TRUE(testing::read_file(scratch / "answer") == response);
}

}  // namespace
}  // namespace obscura::test
