#include "compiler/stress.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "compiler/adversary.hpp"
#include "compiler/compile.hpp"
#include "compiler/onnx_fixture.hpp"
#include "compiler/peak_gradient.hpp"
#include "compiler/value_range.hpp"
#include "io/scratch.hpp"
#include "plan/carried_range.hpp"

namespace obscura::compiler {
namespace {

using obscura::testing::expect_error;

class Silent : public Progress {
  public:
    void update(double, double, const std::string&) override {}
};

class Stopped : public Silent {
  public:
    bool cancelled() const override { return true; }
};

const io::Images& pictures() {
    static const io::Images images = testing::images(testing::expected("tiny-resnet"), 8, 8, 2);
    return images;
}

const plan::Plan& toy() {
    static const plan::Plan plan = [] {
        CompileOptions options;
        options.log_degree = 10;
        options.insecure_for_tests = true;
        options.run_length = 8;
        options.threads = 1;
        return compile(testing::model_path("tiny-resnet"), pictures(), options);
    }();
    return plan;
}

/// What the gradient is of, in doubles: the layers' values of one image.
struct Evaluation {
    Evaluation(const plan::RealNetwork& network, const io::Images& images) : values(network.layers.size()) {
        ThreadPool pool(1);
        scores = plan::PlainNetwork(network).scores(images, pool, [&](int, int, int layer, std::span<float> z) {
            values[static_cast<std::size_t>(layer)].assign(z.begin(), z.end());
        });
        for (std::size_t i = 0; i < network.layers.size(); ++i) {
            const plan::RealLayer& layer = network.layers[i];
            double peak = 0;
            if (layer.finish == plan::Finish::square)
                for (const float z : values[i]) peak = std::max(peak, std::abs(static_cast<double>(z)));
            if (layer.finish == plan::Finish::head)
                for (std::size_t o = 0; o < scores.size(); ++o)
                    peak = std::max(peak, std::abs(scores[o] - layer.bias[o]));
            if (peak > 0) log_peaks += std::log(peak);
        }
    }
    std::vector<std::vector<float>> values;
    std::vector<float> scores;
    double log_peaks = 0;
};

/// Derivatives against the quotients of differences over one grey level to both sides.
TEST(PeakGradient, IsThatOfTheNetwork) {
    plan::RealNetwork network = plan::real_network(toy());
    const PeakGradient gradient(network);
    for (int image = 0; image < pictures().count; ++image) {
        const io::Images one = io::slice(pictures(), image, 1);
        const Evaluation here(network, one);
        const std::vector<float> found = gradient.at(here.values, here.scores);
        ASSERT_EQ(found.size(), one.pixels.size());

        double product = 0, of_found = 0, of_quotients = 0;
        std::size_t smooth = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::size_t c = i / 64, p = i % 64;
            const auto at = [&](int grey_levels) {
                io::Images moved = one;
                moved.pixels[p * 2 + c] = static_cast<std::uint8_t>(moved.pixels[p * 2 + c] + grey_levels);
                return Evaluation(network, moved).log_peaks;
            };
            if (one.pixels[p * 2 + c] < 1 || one.pixels[p * 2 + c] > 254) continue;
            const double up = at(1) - here.log_peaks, down = here.log_peaks - at(-1);
            // Within a grey level the largest value of a layer may become another pixel's, or a score change much.
            if (std::abs(up - down) > 0.01 * (std::abs(up) + std::abs(down))) continue;
            ++smooth;
            const double quotient = (up + down) / (2 * network.input.factor[c]);
            product += quotient * found[i];
            of_found += static_cast<double>(found[i]) * found[i];
            of_quotients += quotient * quotient;
        }
        EXPECT_GT(smooth, found.size() / 2) << image;
        EXPECT_NEAR(product / of_quotients, 1, 0.01) << image;
        EXPECT_GT(product / std::sqrt(of_found * of_quotients), 0.999) << image;
    }
}

TEST(Adversary, FindsWorseImagesThanItBeginsWith) {
    ThreadPool pool(2);
    Silent silent;
    const io::Images worst = worst_images(toy(), pictures(), pool, silent);
    ASSERT_EQ(worst.pixels.size(), pictures().pixels.size());
    const plan::PlainNetwork network(plan::real_network(toy()));
    const auto use = [&](const std::vector<double>& peaks) {
        double largest = -INFINITY;
        for (std::size_t i = 0; i < peaks.size(); ++i)
            largest = std::max(largest, std::log2(peaks[i]) - plan::limit_bits(toy(), toy().layers[i]));
        return largest;
    };
    const auto before = image_peaks(toy(), network, pictures(), pool), after = image_peaks(toy(), network, worst, pool);
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_GT(use(after[i]), use(before[i]) + 1) << "twice as large";
    Stopped stopped;
    expect_error(ErrorCode::cancelled, "", [&] { worst_images(toy(), pictures(), pool, stopped); });
}

/// Calibration images have the head-room that the plan records; nothing here goes beyond.
TEST(Stress, AgreesWithCalibration) {
    Silent silent;
    const StressReport report = stress(toy(), pictures(), {8, 2, 1, 1}, silent);
    ASSERT_EQ(report.families.size(), 12U);
    EXPECT_EQ(report.group_images, toy().batch());
    EXPECT_EQ(report.families.front().family, "real");
    EXPECT_NEAR(std::log2(report.families.front().worst_use), -toy().calibration_headroom_bits, 1e-6);
    EXPECT_EQ(report.families.back().family, "gradient-maximised");
    EXPECT_EQ(report.families.back().images, 2);
    for (const StressResult& family : report.families) {
        EXPECT_LE(family.median_use, family.worst_use) << family.family;
        EXPECT_EQ(family.beyond.empty(), !(family.worst_use > 1)) << family.family;
    }
    EXPECT_EQ(nlohmann::json::parse(to_json(report)).at("families").size(), 12U);
    EXPECT_NE(to_text(report).find("whole group"), std::string::npos);
}

/// A scale that is too large by the head-room and some: the same images are beyond, and overflow is told as such.
TEST(Stress, CountsImagesBeyondTheRange) {
    Silent silent;
    plan::Plan plan = toy();
    for (double& factor : plan.input.factor) factor *= std::exp2(plan.calibration_headroom_bits + 1);
    const StressReport beyond = stress(plan, pictures(), {1, 0, 1, 1}, silent);
    EXPECT_EQ(beyond.families.front().beyond.size(), static_cast<std::size_t>(pictures().count));
    EXPECT_NE(to_text(beyond).find("counted from 0: 0, 1"), std::string::npos);
    EXPECT_GT(beyond.families.front().median_use, 1);
    EXPECT_NE(to_text(beyond).find("may wrap"), std::string::npos);
    for (double& factor : plan.input.factor) factor *= 0x1p60;
    const StressReport overflow = stress(plan, pictures(), {1, 1, 1, 1}, silent);
    EXPECT_TRUE(std::isinf(overflow.families.front().worst_use));
    EXPECT_TRUE(nlohmann::json::parse(to_json(overflow)).at("families").at(0).at("worst_use").is_null());
    EXPECT_NE(to_text(overflow).find("overflows"), std::string::npos);
}

TEST(Stress, NeedsNoRealImages) {
    Silent silent;
    const StressReport report = stress(toy(), {}, {4, 1, 1, 1}, silent);
    ASSERT_EQ(report.families.size(), 7U);
    EXPECT_EQ(report.families.front().family, "constant");
    EXPECT_EQ(report.families.back().family, "gradient-maximised");
}

}  // namespace
}  // namespace obscura::compiler
