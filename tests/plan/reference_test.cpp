#include "plan/reference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <random>

#include "base/error.hpp"
#include "plan/exact_reference.hpp"
#include "plan/noise.hpp"
#include "plan/toy_plan.hpp"

namespace obscura::plan {
namespace {

io::Images random_images(int count) {
    io::Images images{count, 8, 8, 1, {}, {}};
    std::mt19937 random(7);
    for (int i = 0; i < count * 64; ++i) images.pixels.push_back(static_cast<std::uint8_t>(random()));
    return images;
}

/// The float reference and the exact one, on every layer.
void expect_agreement(const Plan& plan) {
    const io::Images images = random_images(5);
    ThreadPool pool(2);
    std::mutex mutex;
    std::vector<std::vector<std::vector<float>>> seen(5, std::vector<std::vector<float>>(plan.layers.size()));
    const PlainNetwork network(real_network(plan));
    const auto scores = network.scores(images, pool, [&](int image, int, int layer, std::span<float> z) {
        const std::lock_guard lock(mutex);
        seen[static_cast<std::size_t>(image)][static_cast<std::size_t>(layer)].assign(z.begin(), z.end());
    });
    for (std::size_t image = 0; image < 5; ++image) {
        const ExactTrace exact = evaluate_exactly(plan, encode_exactly(plan.input, images.pixels.data() + image * 64));
        for (std::size_t layer = 0; layer + 1 < plan.layers.size(); ++layer) {
            ASSERT_EQ(seen[image][layer].size(), exact.values[layer].size());
            double largest = 1;
            for (const double value : exact.values[layer]) largest = std::max(largest, std::abs(value));
            for (std::size_t i = 0; i < exact.values[layer].size(); ++i)
                EXPECT_NEAR(seen[image][layer][i], exact.values[layer][i], 2e-6 * largest) << layer << ' ' << i;
        }
        double largest = 0;
        for (const double score : exact.scores) largest = std::max(largest, std::abs(score));
        for (std::size_t o = 0; o < exact.scores.size(); ++o)
            EXPECT_NEAR(scores[image * exact.scores.size() + o], exact.scores[o], 1e-5 * largest);
    }
}

TEST(Reference, AgreesWithExactIntegers) {
    expect_agreement(testing::toy_plan());
    expect_agreement(testing::zero_padded_plan());
}

/// Ones on ones count the pixels that each tap finds, and a border shifts where its tap finds none.
TEST(ExactReference, ZeroPaddingReadsNothingOutside) {
    Plan plan = testing::zero_padded_plan();
    Layer& layer = plan.layers[0];
    const auto unit = static_cast<std::int64_t>(
        plan.segments.front().parameters.chain[static_cast<std::size_t>(layer.rescale_limb())]);
    layer.operands[0].weights.assign(18, 1);
    layer.bias = {0, 100};
    layer.borders = {{1, {-1, 0}, {0, 1000}}};
    const ExactTrace trace = evaluate_exactly(plan, std::vector<std::int64_t>(64, unit));
    for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x) {
            const auto p = static_cast<std::size_t>(y * 8 + x);
            const int taps = (y % 7 == 0 ? 2 : 3) * (x % 7 == 0 ? 2 : 3);
            EXPECT_EQ(trace.values[0][p], taps);
            EXPECT_EQ(trace.values[0][64 + p], taps + 100 + (y == 0 ? 1000 : 0));
        }
}

TEST(Reference, RefusesOtherShapes) {
    const PlainNetwork network(real_network(testing::toy_plan()));
    ThreadPool pool(1);
    io::Images images = random_images(1);
    images.width = 4;
    images.height = 16;
    EXPECT_THROW(network.scores(images, pool), Error);
}

TEST(Reference, BestClassIsTheFirstLargest) {
    const std::vector<float> scores{1, 3, 2, -1, -3, -1};
    EXPECT_EQ(best_classes(scores, 3), (std::vector<int>{1, 0}));
}

TEST(Noise, HasTheModelledSizeAndIsRepeatable) {
    EXPECT_NEAR(std::log2(rescale_noise(15)), 13.9, 0.05);
    const Plan plan = testing::toy_plan();
    const LayerHook hook = noise_hook(plan, 3);
    std::vector<float> z(1 << 18);
    hook(0, 0, 1, z);
    double sum = 0;
    double squares = 0;
    for (const float value : z) {
        sum += value;
        squares += static_cast<double>(value) * value;
    }
    const double rms = rescale_noise(plan.segments.front().parameters.log_degree);
    EXPECT_NEAR(std::sqrt(squares / static_cast<double>(z.size())), rms, 0.01 * rms);
    EXPECT_NEAR(sum / static_cast<double>(z.size()), 0, 0.01 * rms);
    std::vector<float> again(z.size());
    hook(0, 1, 1, again);
    EXPECT_EQ(z, again);
    std::vector<float> other(z.size());
    hook(1, 0, 1, other);
    EXPECT_NE(z, other);
}

}  // namespace
}  // namespace obscura::plan
