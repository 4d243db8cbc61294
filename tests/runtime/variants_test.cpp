#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "ring/kernels/kernels.hpp"
#include "runtime/request_fixture.hpp"

namespace obscura::test {
namespace {

/// Sets OBSCURA_ISA, which a Context reads when it is made, and restores it.
class Variant {
  public:
    explicit Variant(const char* name) {
        if (const char* old = std::getenv("OBSCURA_ISA")) old_ = old;
        ::setenv("OBSCURA_ISA", name, 1);
    }
    ~Variant() { old_ ? ::setenv("OBSCURA_ISA", old_->c_str(), 1) : ::unsetenv("OBSCURA_ISA"); }
    Variant(const Variant&) = delete;
    Variant& operator=(const Variant&) = delete;

  private:
    std::optional<std::string> old_;
};

/// The server draws no random numbers: from the same keys and request, every variant and any number of threads must
/// write the same response, byte for byte.
TEST(Variants, GiveTheSameResponse) {
    const Deployment toy({12, 8, 2, 8, 3, true}, 20);
    testing::Bytes expected;
    for (const ring::Kernels* kernels : ring::available_kernels())
        for (const int threads : {1, 2}) {
            const Variant variant(kernels->name);
            const auto report = toy.infer(threads);
            EXPECT_EQ(report.kernels, kernels->name);
            const auto response = testing::read_file(toy.response());
            if (expected.empty()) expected = response;
            ASSERT_GT(response.size(), 96u + 32u);
            EXPECT_TRUE(response == expected) << kernels->name << ", " << threads << " threads";
            std::filesystem::remove(toy.response());
        }
    // The client's side, too: what one variant computed, another decrypts to the same numbers.
    testing::write_file(toy.response(), expected);
    std::vector<double> scores;
    for (const ring::Kernels* kernels : ring::available_kernels()) {
        const Variant variant(kernels->name);
        const auto found = toy.decrypt().scores;
        if (scores.empty()) scores = found;
        EXPECT_EQ(found, scores) << kernels->name;
    }
}

/// Keys and requests made with any variant serve any other.
TEST(Variants, ReadEachOthersKeys) {
    const auto all = ring::available_kernels();
    const Variant first(all.front()->name);
    const Deployment toy({11, 8, 2, 8, 3, true}, 5);
    const Variant last(all.back()->name);
    toy.infer();
    const auto scores = toy.decrypt().scores;
    const auto expected = plain_scores(toy.plan, toy.pictures, 0, 0);
    double error = 0, size = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        error += std::pow(scores[i] - expected[i], 2);
        size += std::pow(expected[i], 2);
    }
    EXPECT_LT(std::sqrt(error / size),
              0.005);  // the toy's noise is a few 1e-4 of its scores; wrong keys give 1 and more
}

TEST(Variants, UnknownNamesAreRefused) {
    const Variant variant("mmx");
    const auto plan = toy_plan({10, 4, 1, 4, 2, false}, 1);
    testing::expect_error(ErrorCode::usage, "OBSCURA_ISA=mmx",
                          [&] { const ckks::Context refused{ckks::Parameters(plan.segments.front().parameters)}; });
}

}  // namespace
}  // namespace obscura::test
