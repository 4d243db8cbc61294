#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/request_fixture.hpp"

/// Values that leave the range spoil their group, and decryption says so.
namespace obscura::test {
namespace {

/// Two full groups of nearly grey images, taken from afar: a white one among them goes far beyond what is carried.
struct GreyImages {
    explicit GreyImages(const plan::Plan& of_plan) : plan(of_plan), images(random_images(plan, 2 * plan.batch(), 3)) {
        for (double& factor : plan.input.factor) factor *= 16;
        for (std::uint8_t& pixel : images.pixels) pixel = static_cast<std::uint8_t>(118 + pixel % 5);
    }
    void whiten(int image) {
        const auto size = static_cast<std::ptrdiff_t>(images.pixels.size()) / images.count;
        std::fill_n(images.pixels.begin() + image * size, size, std::uint8_t{255});
    }
    plan::Plan plan;
    io::Images images;
};

runtime::Scores scores_of(const Deployment& toy, const io::Images& images) {
    Silent silent;
    const std::string request = toy.folder / "grey.request", response = toy.folder / "grey.response";
    runtime::encrypt(toy.plan, toy.secret(), images, request, 1, silent);
    toy.infer(toy.evaluation(), request, response);
    return toy.decrypt(response);
}

/// A batch of 512 photographs once came back as noise, and 512 classes were written down without a word.
TEST(LostGroups, OneImageLosesItsGroupAndNoOther) {
    GreyImages grey(toy_plan({10, 8, 2, 8, 3, true}, 7));
    const int batch = grey.plan.batch();
    const Deployment toy(grey.plan, 1);

    const runtime::Scores good = scores_of(toy, grey.images);
    ASSERT_EQ(good.images, 2 * batch);
    EXPECT_EQ(good.lost, std::vector<bool>(static_cast<std::size_t>(2 * batch), false));
    EXPECT_GE(good.best(batch), 0);

    grey.whiten(batch + 1);
    std::filesystem::remove(toy.folder / "grey.request");
    std::filesystem::remove(toy.folder / "grey.response");
    const runtime::Scores bad = scores_of(toy, grey.images);
    for (int i = 0; i < 2 * batch; ++i) {
        EXPECT_EQ(bad.lost[static_cast<std::size_t>(i)], i >= batch) << i;
        EXPECT_EQ(bad.best(i) < 0, i >= batch) << i;
    }
    EXPECT_EQ(bad.best(0), good.best(0));
}

}  // namespace
}  // namespace obscura::test
