#include "compiler/stress_images.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "io/scratch.hpp"

namespace obscura::compiler {
namespace {

using obscura::testing::expect_error;

const plan::InputEncoding input{3, 16, 12, {0, 0, 0}, {1, 1, 1}};
constexpr std::size_t image_bytes = 3 * 16 * 12;

io::Images some_images(int count) {
    io::Images images{count, 16, 12, 3, {}, {}};
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * image_bytes; ++i)
        images.pixels.push_back(static_cast<std::uint8_t>(i * 37 % 251));
    return images;
}

const io::Images& family(const std::vector<StressFamily>& all, const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.name == name; })->images;
}

std::set<int> values(const io::Images& images, int image) {
    const auto first = images.pixels.begin() + image * static_cast<std::ptrdiff_t>(image_bytes);
    return {first, first + image_bytes};
}

TEST(StressImages, FamiliesAreThoseOfTheModelCards) {
    std::vector<std::string> names;
    for (const auto& f : stress_families(input, some_images(5), 3, 1)) {
        names.push_back(f.name);
        EXPECT_EQ(f.images.count, f.name == "real" || f.name.starts_with("rolled") ? 5 : 3) << f.name;
        EXPECT_EQ(f.images.pixels.size(), static_cast<std::size_t>(f.images.count) * image_bytes) << f.name;
    }
    const std::vector<std::string> synthetic{"constant",       "uniform noise", "binary noise",
                                             "gaussian noise", "blocks",        "stripes"};
    std::vector<std::string> expected{"real", "rolled by +1 rows", "rolled by +2 rows", "rolled by +3 rows",
                                      "extreme contrast"};
    expected.insert(expected.end(), synthetic.begin(), synthetic.end());
    EXPECT_EQ(names, expected);
    names.clear();
    for (const auto& f : stress_families(input, {}, 3, 1)) names.push_back(f.name);
    EXPECT_EQ(names, synthetic);
}

TEST(StressImages, RealOnesAreMovedDownByRows) {
    const io::Images real = some_images(2);
    const auto all = stress_families(input, real, 2, 1);
    const io::Images& rolled = family(all, "rolled by +2 rows");
    constexpr std::size_t row = 3 * 12;
    for (std::size_t i = 0; i < image_bytes; ++i)
        EXPECT_EQ(rolled.pixels[image_bytes + (i + 2 * row) % image_bytes], real.pixels[image_bytes + i]);
}

TEST(StressImages, AreWhatTheirNamesSay) {
    constexpr int count = 40;
    const auto all = stress_families(input, {}, count, 7);
    const std::set<int> extremes{0, 255};
    int saturated = 0;
    for (int i = 0; i < count; ++i) {
        EXPECT_LE(values(family(all, "constant"), i).size(), 3U);
        EXPECT_EQ(values(family(all, "binary noise"), i), extremes);
        EXPECT_GT(values(family(all, "uniform noise"), i).size(), 150U) << "of 576 values";
        for (const int value : values(family(all, "blocks"), i)) EXPECT_TRUE(extremes.contains(value));
        for (const int value : values(family(all, "stripes"), i)) EXPECT_TRUE(extremes.contains(value));
        const auto gaussian = values(family(all, "gaussian noise"), i);
        if (gaussian.contains(0) && gaussian.contains(255)) ++saturated;
    }
    EXPECT_GT(saturated, 0);
    EXPECT_LT(saturated, count) << "small deviations stay inside";
}

TEST(StressImages, DependOnTheSeedAlone) {
    const auto one = stress_families(input, {}, 3, 1), again = stress_families(input, {}, 3, 1),
               other = stress_families(input, {}, 3, 2);
    for (std::size_t i = 0; i < one.size(); ++i) {
        EXPECT_EQ(one[i].images.pixels, again[i].images.pixels) << one[i].name;
        EXPECT_NE(one[i].images.pixels, other[i].images.pixels) << one[i].name;
    }
}

TEST(StressImages, RefusesImagesOfAnotherShape) {
    io::Images small{1, 8, 8, 3, std::vector<std::uint8_t>(192), {}};
    expect_error(ErrorCode::format, "8x8", [&] { stress_families(input, small, 3, 1); });
}

}  // namespace
}  // namespace obscura::compiler
