#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/request_fixture.hpp"

namespace obscura::test {
namespace {

using testing::expect_error;
namespace fs = std::filesystem;

std::vector<std::string> files_of(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

/// What a server process takes with the smallest blocks of work.
std::uint64_t least_bytes(const plan::Plan& plan, int threads) {
    return tensor::plan_memory(plan, 0, threads).peak() * tensor::limb_bytes(plan) + tensor::process_bytes;
}

const std::vector<std::string> without_response{"evaluation", "request", "secret"};

/// Stops at every update from the first layer on, up to the last one that can still stop; nothing is left behind.
TEST(Cancellation, LeavesNoResponseAndNothingPartial) {
    const Deployment toy({10, 4, 1, 4, 3, false}, 3);
    runtime::InferenceOptions options;
    options.threads = 1;
    options.memory_bytes = least_bytes(toy.plan, 1);  // the smallest blocks: the most places to stop at
    int stopped = 0;
    for (int updates = 4;; updates += 3) {
        StopAfter progress(updates);
        try {
            runtime::infer(toy.plan, toy.evaluation(), toy.request(), toy.response(), options, progress);
            break;  // it was done before
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::cancelled) << error.what();
        }
        EXPECT_EQ(progress.updates, updates) << "went on after being told to stop";
        EXPECT_EQ(files_of(toy.folder / ""), without_response);
        ++stopped;
    }
    EXPECT_GT(stopped, 3);
    EXPECT_TRUE(fs::exists(toy.response()));
}

TEST(Cancellation, OfEncryptionAndKeysLeavesNothing) {
    const auto plan = toy_plan({10, 4, 1, 4, 3, false}, 1);
    const testing::Scratch folder;
    for (const int updates : {0, 1}) {
        StopAfter progress(updates);
        expect_error(ErrorCode::cancelled, "interrupted",
                     [&] { runtime::generate_keys(plan, folder / "secret", folder / "evaluation", false, progress); });
        EXPECT_TRUE(files_of(folder / "").empty());
    }
    Silent silent;
    runtime::generate_keys(plan, folder / "secret", folder / "evaluation", false, silent);
    for (const int updates : {0, 2}) {
        StopAfter progress(updates);
        expect_error(ErrorCode::cancelled, "interrupted", [&] {
            runtime::encrypt(plan, folder / "secret", random_images(plan, 2, 1), folder / "request", 1, progress);
        });
        EXPECT_EQ(files_of(folder / ""), (std::vector<std::string>{"evaluation", "secret"}));
    }
}

/// One image or all but one: the others' slots hold the mean pixel and disturb nobody. The noise model's bound is in
/// end_to_end_test.cpp; its errors are a few 1e-4 of the scores here, wrong slots
/// would give errors as large as the scores.
TEST(PartialBatch, GivesTheScoresOfItsImages) {
    const auto plan = toy_plan({10, 4, 1, 4, 3, false}, 1);
    const testing::Scratch folder;
    Silent silent;
    runtime::generate_keys(plan, folder / "secret", folder / "evaluation", false, silent);
    for (const int count : {1, 7, plan.batch() - 1, plan.batch()}) {
        const auto images = random_images(plan, count, static_cast<unsigned>(count));
        runtime::encrypt(plan, folder / "secret", images, folder / "request", 1, silent);
        const auto report =
            runtime::infer(plan, folder / "evaluation", folder / "request", folder / "response", {}, silent);
        EXPECT_EQ(report.images, count);
        const auto found = runtime::decrypt(plan, folder / "secret", {folder / "response", {}}, silent);
        const auto expected = plain_scores(plan, images, 0, 0);
        ASSERT_EQ(found.images, count);
        ASSERT_EQ(found.scores.size(), expected.size());
        double error = 0, size = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            error += std::pow(found.scores[i] - expected[i], 2);
            size += std::pow(expected[i], 2);
        }
        EXPECT_LT(std::sqrt(error / size), 0.005) << count;
    }
}

TEST(Images, NoneAndOtherShapesAreRefused) {
    const auto plan = toy_plan({10, 4, 1, 4, 3, false}, 1);
    const testing::Scratch folder;
    Silent silent;
    runtime::generate_keys(plan, folder / "secret", folder / "evaluation", false, silent);
    const auto encrypt = [&](const io::Images& images) {
        runtime::encrypt(plan, folder / "secret", images, folder / "request", 1, silent);
    };
    expect_error(ErrorCode::range, "0 images", [&] { encrypt(random_images(plan, 0, 1)); });
    auto wide = random_images(plan, 1, 1);
    wide.width = 5;
    expect_error(ErrorCode::format, "images of 4 x 5 x 1 where the plan takes 4 x 4 x 1", [&] { encrypt(wide); });
    EXPECT_FALSE(fs::exists(folder / "request"));
}

TEST(Keys, AreNotOverwritten) {
    const auto plan = toy_plan({10, 4, 1, 4, 3, false}, 1);
    const testing::Scratch folder;
    Silent silent;
    const auto make = [&](bool overwrite) {
        runtime::generate_keys(plan, folder / "secret", folder / "evaluation", overwrite, silent);
    };
    make(false);
    const auto first = testing::read_file(folder / "secret");
    expect_error(ErrorCode::io, "exists", [&] { make(false); });
    EXPECT_EQ(testing::read_file(folder / "secret"), first);
    fs::remove(folder / "secret");
    expect_error(ErrorCode::io, "evaluation exists", [&] { make(false); });
    make(true);
    EXPECT_NE(testing::read_file(folder / "secret"), first);
}

/// The model follows the engine's steps, so that reserving what it says is enough, and hardly more than enough.
class Memory : public ::testing::TestWithParam<ToyShape> {};

TEST_P(Memory, PeakIsAsPredicted) {
    const Deployment toy(GetParam(), 4);
    for (const int threads : {1, 2})
        for (const std::uint64_t budget : {least_bytes(toy.plan, threads), std::uint64_t{1} << 40}) {
            Silent silent;
            runtime::InferenceOptions options;
            options.threads = threads;
            options.memory_bytes = budget;
            const auto report =
                runtime::infer(toy.plan, toy.evaluation(), toy.request(), toy.response(), options, silent);
            const auto predicted = static_cast<double>(report.predicted_limb_bytes);
            EXPECT_LE(static_cast<double>(report.peak_limb_bytes), 1.01 * predicted)
                << threads << " threads, budget " << budget;
            EXPECT_GE(static_cast<double>(report.peak_limb_bytes), 0.99 * predicted)
                << threads << " threads, budget " << budget;
            fs::remove(toy.response());
        }
}

/// The plan's own budget is ample for a toy: a smaller one at run time makes smaller blocks, and the same residues.
TEST(MemoryBudget, IsKeptAtRunTimeOrRefusedWithTheLeast) {
    const Deployment toy({10, 8, 2, 8, 3, true}, 4);
    Silent silent;
    runtime::InferenceOptions options;
    options.threads = 1;
    const auto ample = runtime::infer(toy.plan, toy.evaluation(), toy.request(), toy.response(), options, silent);
    const auto expected = testing::read_file(toy.response());
    const std::uint64_t least = least_bytes(toy.plan, 1);
    const std::uint64_t most = ample.predicted_limb_bytes + tensor::process_bytes;
    ASSERT_LT(least, most);
    for (const std::uint64_t budget : {least, (least + most) / 2}) {
        options.memory_bytes = budget;
        const auto report = runtime::infer(toy.plan, toy.evaluation(), toy.request(), toy.response(), options, silent);
        EXPECT_LE(report.predicted_limb_bytes + tensor::process_bytes, budget);
        EXPECT_LT(report.peak_limb_bytes, ample.peak_limb_bytes);
        EXPECT_EQ(testing::read_file(toy.response()), expected);
    }
    fs::remove(toy.response());
    options.memory_bytes = least - 1;
    const auto megabytes = std::to_string((least + 999'999) / 1'000'000);
    expect_error(ErrorCode::resource, "at least " + megabytes + " MB",
                 [&] { runtime::infer(toy.plan, toy.evaluation(), toy.request(), toy.response(), options, silent); });
    EXPECT_FALSE(fs::exists(toy.response()));
    EXPECT_EQ(files_of(toy.folder / ""), without_response);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Memory,
    ::testing::Values(ToyShape{10, 8, 2, 8, 3, true}, ToyShape{10, 8, 2, 4, 2, false}, ToyShape{10, 8, 3, 16, 3, true},
                      ToyShape{10, 8, 2, 16, 3, false, false, false, 4},  // 4x4, middle not rotated
                      ToyShape{10, 8, 2, 8, 3, true, true, true}));       // zero padding, merged

}  // namespace
}  // namespace obscura::test
