#include "plan/product_strip.hpp"

#include <gtest/gtest.h>

#include <random>

#include "plan/matrix_product.hpp"

namespace obscura::plan {
namespace {

/// Every variant gives the bits of the sum taken term by term: a plan is the same whichever machine compiles it.
TEST(ProductStrip, VariantsAgreeToTheBit) {
    std::mt19937 random(1);
    std::normal_distribution<float> values;
    constexpr int columns = 147, width = 40;
    std::vector<float> weights(columns * strip_outputs), data(columns * width);
    for (auto* list : {&weights, &data})
        for (float& x : *list) x = values(random);
    std::vector<const float*> rows;
    for (int k = 0; k < columns; ++k) rows.push_back(data.data() + k * width);
    for (const ProductStrip* strip : available_strips())
        for (const int first : {0, 1, width - strip->pixels}) {
            std::vector<float> sums(static_cast<std::size_t>(strip_outputs * strip->pixels));
            strip->multiply(weights.data(), rows.data(), columns, first, sums.data());
            for (int o = 0; o < strip_outputs; ++o)
                for (int p = 0; p < strip->pixels; ++p) {
                    float sum = 0;
                    for (int k = 0; k < columns; ++k)
                        sum += weights[static_cast<std::size_t>(k * strip_outputs + o)] *
                               rows[static_cast<std::size_t>(k)][first + p];
                    ASSERT_EQ(sums[static_cast<std::size_t>(o * strip->pixels + p)], sum)
                        << strip->pixels << " pixels, output " << o << ", pixel " << p;
                }
        }
}

/// Shapes that no strip and no block of outputs divides.
TEST(MatrixProduct, TakesAnyShape) {
    std::mt19937 random(2);
    for (const int outputs : {1, 4, 7})
        for (const int pixels : {1, 8, 15, 16, 37}) {
            PackedMatrix::Part part{5, {}};
            for (int i = 0; i < 5 * outputs; ++i) part.weights.push_back(static_cast<double>(random() % 17) - 8);
            std::vector<float> data(static_cast<std::size_t>(5 * pixels)),
                result(static_cast<std::size_t>(outputs * pixels));
            for (float& x : data) x = static_cast<float>(random() % 100);
            std::vector<const float*> rows;
            for (int k = 0; k < 5; ++k) rows.push_back(data.data() + k * pixels);
            const std::vector<double> bias(static_cast<std::size_t>(outputs), 3);
            multiply(PackedMatrix(outputs, {part}), rows, pixels, bias, result);
            for (int o = 0; o < outputs; ++o)
                for (int p = 0; p < pixels; ++p) {
                    double sum = 3;
                    for (int k = 0; k < 5; ++k)
                        sum += part.weights[static_cast<std::size_t>(o * 5 + k)] *
                               static_cast<double>(rows[static_cast<std::size_t>(k)][p]);
                    ASSERT_EQ(result[static_cast<std::size_t>(o * pixels + p)], sum) << outputs << " " << pixels;
                }
        }
}

}  // namespace
}  // namespace obscura::plan
