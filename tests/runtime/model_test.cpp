#include <gtest/gtest.h>

#include "compiler/compile.hpp"
#include "compiler/onnx_fixture.hpp"
#include "plan/exact_reference.hpp"
#include "runtime/request_fixture.hpp"

/// Three networks of different widths on one encrypted input, from their ONNX file to the decrypted mean.
namespace obscura::test {
namespace {

struct Shape {
    int run_length = 8;
    bool merge = true;
};

class Ensemble : public ::testing::TestWithParam<Shape> {};

plan::Plan ensemble(const Shape& shape) {
    using namespace compiler::testing;
    compiler::CompileOptions options;
    options.log_degree = 11;
    options.insecure_for_tests = true;
    options.threads = 1;
    options.run_length = shape.run_length;
    options.merge_tiles = shape.merge;
    return compiler::compile(model_path("tiny-ensemble"), images(expected("tiny-ensemble"), 8, 8, 2), options);
}

TEST_P(Ensemble, EncryptedMeanIsThatOfTheIntegers) {
    const Deployment toy(ensemble(GetParam()), 12);
    const auto report = toy.infer(2);
    const runtime::Scores found = toy.decrypt();
    ASSERT_EQ(found.images, 12);
    double squares = 0;
    for (std::size_t i = 0; i < 12; ++i) {
        const auto exact = plan::evaluate_exactly(
            toy.plan, plan::encode_exactly(toy.plan.input, toy.pictures.pixels.data() + i * 128));
        for (std::size_t o = 0; o < exact.scores.size(); ++o) {
            const double error = found.scores[i * exact.scores.size() + o] - exact.scores[o];
            squares += error * error / static_cast<double>(12 * exact.scores.size());
        }
    }
    EXPECT_LT(std::sqrt(squares), 8 * toy.plan.predicted_score_error_rms);
    EXPECT_GT(std::sqrt(squares), toy.plan.predicted_score_error_rms / 8);
    EXPECT_LE(static_cast<double>(report.peak_limb_bytes), 1.01 * static_cast<double>(report.predicted_limb_bytes));
    EXPECT_GE(static_cast<double>(report.peak_limb_bytes), 0.99 * static_cast<double>(report.predicted_limb_bytes));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Ensemble,
                         ::testing::Values(Shape{8, true}, Shape{8, false}, Shape{64, true}, Shape{2, true}),
                         [](const auto& i) {
                             return "Run" + std::to_string(i.param.run_length) + (i.param.merge ? "Merged" : "");
                         });

}  // namespace
}  // namespace obscura::test
