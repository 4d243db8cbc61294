#include <gtest/gtest.h>

#include "compiler/compile.hpp"
#include "compiler/onnx_fixture.hpp"
#include "plan/exact_reference.hpp"
#include "runtime/request_fixture.hpp"

/// From an ONNX file to decrypted scores: three networks of different widths on one encrypted input, and one in which
/// activations are left out, so that taps reach two pixels and a shortcut is a convolution of the image, which layers
/// at two levels rotate; two of these, of which the second begins again where the first began.
namespace obscura::test {
namespace {

struct Case {
    std::vector<std::string> models;
    int run_length;
    bool merge = true;
};

class Model : public ::testing::TestWithParam<Case> {};

plan::Plan compiled(const Case& shape) {
    using namespace compiler::testing;
    compiler::CompileOptions options;
    options.log_degree = 11;
    options.insecure_for_tests = true;
    options.threads = 1;
    options.run_length = shape.run_length;
    options.merge_tiles = shape.merge;
    std::vector<std::string> paths;
    for (const auto& model : shape.models) paths.push_back(model_path(model));
    return compiler::compile(paths, images(expected(shape.models.front()), 8, 8, 2), options);
}

TEST_P(Model, EncryptedScoresAreThoseOfTheIntegers) {
    const Deployment toy(compiled(GetParam()), 12);
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

/// Blocks of single columns read and free what a layer shares with others in another order.
TEST_P(Model, TheSmallestBlocksGiveTheSameResidues) {
    const Deployment toy(compiled(GetParam()), 12);
    toy.infer(2);
    const auto expected = obscura::testing::read_file(toy.response());
    runtime::InferenceOptions options;
    options.threads = 2;
    options.memory_bytes =
        tensor::plan_memory(toy.plan, 0, 2).peak() * tensor::limb_bytes(toy.plan) + tensor::process_bytes;
    Silent silent;
    runtime::infer(toy.plan, toy.evaluation(), toy.request(), toy.response(), options, silent);
    EXPECT_EQ(obscura::testing::read_file(toy.response()), expected);
}

std::string name(const ::testing::TestParamInfo<Case>& i) {
    return std::string(i.param.models.size() > 1 ? "TwiceRun" : "Run") + std::to_string(i.param.run_length) +
           (i.param.merge ? "Merged" : "");
}

INSTANTIATE_TEST_SUITE_P(Ensemble, Model,
                         ::testing::Values(Case{{"tiny-ensemble"}, 8}, Case{{"tiny-ensemble"}, 8, false},
                                           Case{{"tiny-ensemble"}, 64}, Case{{"tiny-ensemble"}, 2}),
                         name);
INSTANTIATE_TEST_SUITE_P(WithoutActivations, Model,
                         ::testing::Values(Case{{"tiny-linear"}, 4}, Case{{"tiny-linear"}, 16},
                                           Case{{"tiny-linear"}, 64}, Case{{"tiny-linear", "tiny-linear"}, 4}),
                         name);

}  // namespace
}  // namespace obscura::test
