#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

#include "base/error.hpp"
#include "runtime/client.hpp"
#include "runtime/server.hpp"
#include "runtime/toy_network.hpp"

namespace obscura::test {
namespace {

class Silent : public Progress {
  public:
    void update(double, double, const std::string&) override {}
};

/// A folder of its own for each test, removed at the end.
class Folder {
  public:
    Folder() : path_(std::filesystem::temp_directory_path() / ("obscura_test_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(path_);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(const char* name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

double rms_difference(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum / static_cast<double>(a.size()));
}

runtime::Scores run_encrypted(const plan::Plan& plan, const io::Images& images, int threads) {
    const Folder folder;
    Silent silent;
    runtime::generate_keys(plan, folder / "secret", folder / "evaluation", false, silent);
    runtime::encrypt(plan, folder / "secret", images, folder / "request", threads, silent);
    runtime::InferenceOptions options;
    options.threads = threads;
    runtime::infer(plan, folder / "evaluation", folder / "request", folder / "response", options, silent);
    return runtime::decrypt(plan, folder / "secret", {folder / "response", {}}, silent);
}

class EndToEnd : public ::testing::TestWithParam<ToyShape> {};

TEST_P(EndToEnd, EncryptedScoresEqualThePlainOnesUpToTheModelledNoise) {
    const auto plan = toy_plan(GetParam(), 1);
    plan::validate(plan);
    const int count = std::min(plan.batch(), 40);
    const auto images = random_images(plan, count, 2);
    const auto expected = plain_scores(plan, images, 0, 0);
    const double n = std::exp2(plan.segments.front().parameters.log_degree);
    const auto scores = run_encrypted(plan, images, 2);
    ASSERT_EQ(scores.images, count);
    ASSERT_EQ(scores.scores.size(), expected.size());
    double modelled = 0;  // the tails of squared noise are long: average over several draws
    constexpr int draws = 8;
    for (unsigned draw = 0; draw < draws; ++draw)
        modelled +=
            rms_difference(plain_scores(plan, images, std::sqrt(n / 6) * std::sqrt(4 * n / 3), draw), expected) / draws;
    const double measured = rms_difference(scores.scores, expected);
    EXPECT_LT(measured, 8 * modelled);
    EXPECT_GT(measured, modelled / 8);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, EndToEnd,
    ::testing::Values(
        ToyShape{11, 8, 2, 8, 3, true},         // a row a tile
        ToyShape{11, 8, 3, 16, 3, true},        // two rows a tile
        ToyShape{10, 8, 1, 64, 2, true},        // an image a column of slots: no rotations
        ToyShape{11, 8, 2, 4, 3, false},        // half a row
        ToyShape{12, 8, 2, 1, 3, false},        // a pixel a tile
        ToyShape{12, 8, 2, 8, 6, true},         // one digit
        ToyShape{11, 8, 2, 8, 3, true, true},   // rows, merged to half rows
        ToyShape{11, 8, 2, 4, 7, true, true},   // half rows, to single pixels
        ToyShape{11, 8, 2, 16, 2, true, true},  // two rows, though nothing idles
        ToyShape{11, 4, 2, 2, 2, true, true},   // tiles stay idle behind pixels
        ToyShape{11, 16, 2, 32, 2, true},
        // zero padding: free, by rows, by parts of rows, and with merging
        ToyShape{10, 8, 1, 64, 2, true, false, true}, ToyShape{11, 8, 3, 16, 3, true, false, true},
        ToyShape{11, 8, 2, 8, 3, true, false, true}, ToyShape{11, 8, 2, 4, 3, false, false, true},
        ToyShape{12, 8, 2, 1, 3, false, false, true}, ToyShape{11, 8, 2, 8, 3, true, true, true},
        ToyShape{11, 8, 2, 4, 7, true, true, true}, ToyShape{12, 8, 1, 1, 4, true, true, true},
        // twisted: cells of 2x2, 2x4 and 4x2, which a stride leaves full, 2x1 and whole rows
        ToyShape{11, 8, 2, 4, 3, true, false, false, 2}, ToyShape{11, 8, 2, 8, 3, true, false, false, 2},
        ToyShape{11, 8, 2, 8, 3, true, false, false, 4}, ToyShape{11, 8, 2, 2, 3, true, false, false, 2},
        ToyShape{11, 8, 2, 16, 3, true, false, false, 2},
        // cells of 4x4, whose middle is never rotated, strided to 2x2 and not
        ToyShape{11, 8, 2, 16, 3, true, false, false, 4}, ToyShape{11, 8, 2, 16, 3, false, false, false, 4},
        // dense: a pixel a tile, two, and parts of rows that taps reach across
        ToyShape{12, 8, 2, 1, 3, false, false, false, 1, 0, false, 1, 2},
        ToyShape{12, 8, 2, 2, 3, false, false, false, 1, 0, false, 1, 2},
        ToyShape{11, 8, 2, 4, 3, false, false, false, 1, 0, false, 1, 3},
        // other keys, and smaller rings, after merging
        ToyShape{11, 8, 2, 4, 3, true, true, false, 1, 0, true},
        ToyShape{12, 8, 2, 1, 3, true, true, false, 1, 0, true},
        ToyShape{12, 8, 2, 1, 3, true, true, false, 1, 1, true},
        ToyShape{13, 8, 2, 1, 4, true, true, false, 1, 2, true}, ToyShape{12, 8, 2, 1, 3, true, true, true, 1, 1, true},
        ToyShape{12, 8, 2, 2, 2, true, true, true, 1, 1, true},
        // several copies of few images: a smaller ring holds fewer, or one; idle tiles, masks, and no ring
        ToyShape{12, 8, 2, 1, 3, false, false, false, 1, 1, true, 2},
        ToyShape{12, 8, 2, 1, 3, false, false, false, 1, 1, true, 4, 2},
        ToyShape{13, 8, 2, 8, 3, true, false, false, 1, 2, true, 4},
        ToyShape{12, 8, 2, 4, 3, true, false, false, 2, 1, true, 8},
        ToyShape{12, 8, 2, 8, 3, true, false, true, 1, 1, true, 2},
        ToyShape{12, 8, 2, 4, 3, true, true, false, 1, 0, true, 4},
        ToyShape{11, 8, 2, 8, 3, true, false, false, 1, 0, false, 2}),
    [](const auto& i) {
        return std::string(i.param.merged    ? "Merged"
                           : i.param.strided ? ""
                                             : "Unstrided") +
               (i.param.zeros ? "Zeros" : "") + (i.param.wrap > 1 ? "Wrap" + std::to_string(i.param.wrap) : "") + "N" +
               std::to_string(1 << i.param.log_degree) + "Side" + std::to_string(i.param.side) + "Run" +
               std::to_string(i.param.run_length) + "K" + std::to_string(i.param.special) +
               (i.param.copies > 1 ? "Copies" + std::to_string(i.param.copies) : "") +
               (i.param.dilation > 1 ? "Dilation" + std::to_string(i.param.dilation) : "") +
               (i.param.segments ? "Shrink" + std::to_string(i.param.shrink) : "");
    });

}  // namespace
}  // namespace obscura::test
