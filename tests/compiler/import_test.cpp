#include <gtest/gtest.h>

#include "base/error.hpp"
#include "compiler/calibration.hpp"
#include "compiler/compile.hpp"
#include "compiler/onnx_fixture.hpp"
#include "compiler/onnx_import.hpp"
#include "compiler/passes.hpp"
#include "io/scratch.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

using testing::expected;
using testing::model_path;

void expect_scores(const Graph& graph, const testing::Expected& want, const char* stage) {
    for (std::size_t i = 0; i < want.pixels.size(); ++i) {
        const auto scores = evaluate(graph, want.pixels[i]);
        ASSERT_EQ(scores.size(), want.scores[i].size()) << stage;
        for (std::size_t o = 0; o < scores.size(); ++o)
            EXPECT_NEAR(scores[o], want.scores[i][o], 1e-4) << stage << ", image " << i;
    }
}

class Models : public ::testing::TestWithParam<const char*> {};

TEST_P(Models, EveryPassKeepsTheMeaning) {
    const auto want = expected(GetParam());
    const Graph imported = import_onnx(model_path(GetParam())).graph;
    expect_scores(imported, want, "import");
    const Graph squares = complete_squares(imported);
    expect_scores(squares, want, "complete squares");
    for (const Node& node : squares.nodes) EXPECT_NE(node.op, Op::multiply);
    expect_scores(merge_linear(squares), want, "merge linear");
}

TEST_P(Models, LoweredNetworkGivesTheScores) {
    const auto want = expected(GetParam());
    plan::RealNetwork network = import_network(model_path(GetParam()));
    const io::Images images = testing::images(want, network.input.height, network.input.width, network.input.channels);
    ThreadPool pool(2);
    for (const bool normalised : {false, true}) {
        if (normalised) normalise_input(network, images);
        const auto scores = plan::PlainNetwork(network).scores(images, pool);
        for (std::size_t i = 0; i < want.scores.size(); ++i)
            for (std::size_t o = 0; o < want.scores[i].size(); ++o)
                EXPECT_NEAR(scores[i * want.scores[i].size() + o], want.scores[i][o], 2e-3) << normalised;
    }
}

INSTANTIATE_TEST_SUITE_P(TestData, Models,
                         ::testing::Values("tiny-resnet", "tiny-pool", "tiny-zeros", "tiny-same", "tiny-ensemble",
                                           "tiny-twisted", "tiny-circular", "tiny-dense", "tiny-linear"));

TEST(Import, ResNetBecomesOneLayerAnActivation) {
    const plan::RealNetwork network = import_network(model_path("tiny-resnet"));
    ASSERT_EQ(network.layers.size(), 6U);
    const auto& strided = network.layers[3];
    EXPECT_EQ(strided.operands[0].stride, 2);
    EXPECT_EQ(strided.operands[0].taps.size(), 9U);
    const auto& residual = network.layers[4];
    ASSERT_EQ(residual.operands.size(), 2U);
    EXPECT_EQ(residual.operands[0].source, 3);
    EXPECT_EQ(residual.operands[1].source, 2);
    EXPECT_EQ(residual.operands[1].taps, std::vector{plan::Tap{}});
    EXPECT_EQ(residual.operands[1].stride, 2);
    EXPECT_EQ(network.layers[5].finish, plan::Finish::head);
}

TEST(Import, LayersAroundAMissingActivationBecomeOne) {
    const plan::RealNetwork network = import_network(model_path("tiny-linear"));
    ASSERT_EQ(network.layers.size(), 3U) << "two squares and the head";
    EXPECT_EQ(network.layers[0].operands[0].taps.size(), 25U);
    const auto& strided = network.layers[1];
    ASSERT_EQ(strided.operands.size(), 2U);
    EXPECT_EQ(strided.operands[1].source, -1) << "the shortcut is the stem, again";
    for (const auto& operand : strided.operands) {
        EXPECT_EQ(operand.taps.size(), 25U);
        EXPECT_EQ(operand.stride, 2);
    }
}

/// A sum over all pixels of a cyclic convolution needs no neighbours; strides and zeros at the border would.
TEST(Import, AConvolutionBeforeTheMeanIsOneTap) {
    const plan::RealLayer head = import_network(model_path("tiny-linear")).layers.back();
    ASSERT_EQ(head.operands.size(), 3U);
    for (const auto& operand : head.operands) {
        if (operand.stride == 1) {
            EXPECT_EQ(operand.taps, std::vector{plan::Tap{}});
        }
    }
    const plan::RealLayer zeros = import_network(model_path("tiny-same")).layers.back();
    EXPECT_EQ(zeros.operands[0].taps.size(), 9U);
}

TEST(Import, PoolingStaysALayerOfIntegers) {
    const plan::RealNetwork network = import_network(model_path("tiny-pool"));
    ASSERT_EQ(network.layers.size(), 4U);
    EXPECT_EQ(network.layers[1].finish, plan::Finish::none);
    for (const double weight : network.layers[1].operands[0].weights) EXPECT_TRUE(weight == 0 || weight == 1);
}

TEST(Import, ListsEveryUnsupportedNode) {
    try {
        import_onnx(model_path("unsupported"));
        FAIL() << "imported";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        const std::string message = error.what();
        for (const char* part : {"Relu relu_1", "quadratic activation", "MaxPool maxpool_2", "AveragePool",
                                 "Softmax softmax_3", "after decryption"})
            EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
    }
}

TEST(Import, FindsHowFarPaddingWraps) {
    const auto wraps = [](const char* name) {
        std::vector<int> result;
        for (const auto& layer : import_network(model_path(name)).layers)
            for (const auto& operand : layer.operands)
                if (operand.taps.size() > 1) result.push_back(operand.padding.wrap);
        return result;
    };
    EXPECT_EQ(wraps("tiny-twisted"), (std::vector<int>{2, 2, 1}));
    EXPECT_EQ(wraps("tiny-circular"), (std::vector<int>{8, 8})) << "a plain torus: as far as the image is high";
}

TEST(Import, DilatedTapsWrapLikeOthers) {
    const plan::RealNetwork network = import_network(model_path("tiny-dense"));
    ASSERT_EQ(network.layers.size(), 4U);
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& operand = network.layers[i].operands[0];
        const int reach = static_cast<int>(i) + 1;
        EXPECT_EQ(operand.stride, 1);
        EXPECT_EQ(operand.padding, plan::Padding::raster);
        ASSERT_EQ(operand.taps.size(), 9U);
        EXPECT_EQ(operand.taps.front(), (plan::Tap{-reach, -reach}));
        EXPECT_EQ(operand.taps.back(), (plan::Tap{reach, reach}));
    }
}

TEST(Import, BundledDenseNetworkTakesNoStrides) {
    const auto network = import_network(std::string(OBSCURA_SOURCE_DIR) + "/models/resnet20-cifar10-dense.onnx");
    ASSERT_EQ(network.layers.size(), 20U);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        const auto& layer = network.layers[i];
        EXPECT_EQ(layer.height, 32) << layer.name;
        const int reach = i < 8 ? 1 : i < 14 ? 2 : 4;  // half as many pixels count after each stride that is not taken
        for (const auto& operand : layer.operands) {
            EXPECT_EQ(operand.stride, 1) << layer.name;
            EXPECT_EQ(operand.padding, plan::Padding::raster) << layer.name;
            const int last = operand.taps.size() > 1 ? reach : 0;
            EXPECT_EQ(operand.taps.back(), (plan::Tap{last, last})) << layer.name;
        }
    }
}

TEST(Import, RefusesPaddingThatIsNeitherZerosNorCyclic) {
    obscura::testing::expect_error(ErrorCode::unsupported, "neither zeros nor cyclic",
                                   [] { import_onnx(model_path("wrong-padding")); });
}

TEST(Import, DamagedFilesAreErrors) {
    const obscura::testing::Scratch folder;
    EXPECT_THROW(import_onnx(folder / "absent.onnx"), Error);
    const auto bytes = obscura::testing::read_file(model_path("tiny-pool"));
    for (std::size_t size = 0; size < bytes.size(); size += 7) {
        const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(size);
        obscura::testing::write_file(folder / "cut.onnx", obscura::testing::Bytes(bytes.begin(), end));
        EXPECT_THROW(import_onnx(folder / "cut.onnx"), Error) << size;
    }
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        auto damaged = bytes;
        damaged[i] ^= 0x15;
        obscura::testing::write_file(folder / "bad.onnx", damaged);
        try {
            import_network(folder / "bad.onnx");  // a changed weight is no error; anything else must be an Error
        } catch (const Error&) {
        }
    }
}

}  // namespace
}  // namespace obscura::compiler
