#include "tensor/linear.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "ckks/toy.hpp"
#include "io/scratch.hpp"
#include "runtime/toy_network.hpp"
#include "tensor/column_uses.hpp"

namespace obscura::tensor {
namespace {

using ckks::Ciphertext;
using ckks::Poly;

/// A plan, keys for it and one input, all fixed: what the engine makes of them may depend on nothing else. Residues are
/// uniform, as those of real ciphertexts are.
class LinearAgreement : public ::testing::TestWithParam<test::ToyShape> {
  protected:
    LinearAgreement()
        : plan(test::toy_plan(GetParam(), 3)),
          layouts(plan::layouts(plan)),
          context(ckks::Parameters(plan.segments.front().parameters)),
          pool(context.degree()) {
        const testing::Scratch folder;
        ThreadPool loaders(2);
        ckks::EvaluationKeyRequest request{plan.segments.front().relinearisation_level, {}};
        for (const auto& key : plan.segments.front().rotation_keys) request.rotations.emplace_back(key.step, key.level);
        const auto secret = ckks::SecretKey::generate(context.parameters().log_degree());
        const std::string digest(32, 'p');
        ckks::test::write_keys(context, secret, request, digest, folder / "keys");
        keys = ckks::test::load_keys(context, request, digest, folder / "keys", pool, loaders);
    }

    FeatureMap input() {
        FeatureMap map;
        map.layout = layouts[0];
        map.channels = plan.input.channels;
        map.is_ready.assign(static_cast<std::size_t>(map.layout.columns()), true);
        std::mt19937_64 rng(5);
        for (int i = 0; i < map.layout.columns() * map.channels; ++i) {
            const int level = plan.layers[0].level;
            Ciphertext ct{ring::make_poly(pool, level), ring::make_poly(pool, level)};
            for (auto* part : {&ct.c0, &ct.c1})
                for (int t = 0; t < level; ++t)
                    for (std::size_t n = 0; n < context.degree(); ++n)
                        (*part)[static_cast<std::size_t>(t)][n] = static_cast<u32>(rng() % context.prime(t));
            map.ready.push_back(ckks::make_operand(context, std::move(ct)));
        }
        return map;
    }

    static void append(const Poly& poly, std::size_t degree, std::vector<u32>& out) {
        for (std::size_t t = 0; t < poly.size(); ++t)
            if (poly[t] != nullptr) out.insert(out.end(), poly[t], poly[t] + degree);
    }

    /// All residues of all layers' results, layer by layer.
    std::vector<std::vector<u32>> run(const LinearOptions& options, int thread_count) {
        ThreadPool threads(thread_count);
        std::vector<FeatureMap> maps(plan.layers.size() + 1);
        maps[0] = input();
        std::vector<std::vector<u32>> all;
        for (std::size_t i = 0; i < plan.layers.size(); ++i) {
            const auto& layer = plan.layers[i];
            LinearEngine engine(context, keys, {context}, pool, threads);
            std::vector<LinearSource> sources;
            for (const auto& operand : layer.operands) {
                auto& map = maps[static_cast<std::size_t>(operand.source + 1)];
                map.drop_to(layer.level);
                sources.push_back({&map, columns_read_from(plan, layouts, operand.source + 1, i + 1),
                                   columns_rotated(plan, layouts, operand.source + 1)});
            }
            maps[i + 1] = engine.run(layer, sources, layouts[i + 1], columns_to_compute(plan, layouts, i), options,
                                     [](double) {});
            auto& residues = all.emplace_back();
            for (const auto& ct : maps[i + 1].pending) {
                append(ct.c0, context.degree(), residues);
                append(ct.c1, context.degree(), residues);
            }
            for (const auto& operand : maps[i + 1].ready) {
                append(operand.extended0, context.degree(), residues);
                append(operand.digits1, context.degree(), residues);
                append(operand.extended1, context.degree(), residues);
            }
        }
        return all;
    }

    const plan::Plan plan;
    const std::vector<plan::Layout> layouts;
    const ckks::Context context;
    ckks::LimbPool pool;
    ckks::EvaluationKeys keys;
};

/// Blocks and groups cut the same sums modulo the same primes into pieces: every residue is the same.
TEST_P(LinearAgreement, BlockAndGroupSizesDoNotMatter) {
    const auto expected = run({8, 4}, 1);
    ASSERT_EQ(expected.size(), plan.layers.size());
    for (const auto& residues : expected) ASSERT_FALSE(residues.empty());
    const auto compare = [&](const LinearOptions& options, int threads) {
        const auto found = run(options, threads);
        for (std::size_t i = 0; i < found.size(); ++i)
            EXPECT_TRUE(found[i] == expected[i])
                << plan.layers[i].name << ": blocks of " << options.block_columns << ", groups of "
                << options.group_limbs << ", " << threads << " threads";
    };
    for (const int columns : {1, 2, 3, 5, 1000}) compare({columns, 4}, 1);
    for (const int limbs : {1, 2, 3}) compare({3, limbs}, 1);
    if (GetParam().special < 6) compare({3, 7}, 1);  // as many as the working room of two digits holds
    compare({3, 2}, 2);
    EXPECT_EQ(run({8, 4}, 2), expected);
}

INSTANTIATE_TEST_SUITE_P(Shapes, LinearAgreement,
                         ::testing::Values(test::ToyShape{10, 8, 2, 8, 3, true},        // a row a tile
                                           test::ToyShape{10, 4, 1, 8, 1, true},        // two rows a tile, six digits
                                           test::ToyShape{10, 4, 2, 16, 2, true},       // an image a column of slots
                                           test::ToyShape{10, 8, 2, 8, 3, true, true},  // rows merged to half rows
                                           test::ToyShape{10, 8, 2, 4, 7, true, true},  // nine sources
                                           test::ToyShape{10, 8, 2, 8, 3, true, true, true},         // zero padding
                                           test::ToyShape{10, 8, 1, 1, 3, false, false, true},       // of single pixels
                                           test::ToyShape{10, 8, 2, 16, 3, false, false, false, 4},  // 4x4, twisted
                                           test::ToyShape{10, 8, 2, 4, 6, false}));  // half a row, one digit

/// A layer in between that reads its centre only, without a rotation, so that no key is needed: Finish::none goes on
/// without a rescale, its results are ready at once. Runs it with these weights, [output][input], and compares exactly.
void check_unfinished_layer(const std::array<std::int16_t, 9>& weights) {
    auto plan = test::toy_plan({10, 4, 2, 4, 2, false}, 4);
    plan::Layer pooling = plan.layers[1];
    pooling.finish = plan::Finish::none;
    pooling.bias.clear();
    const ckks::Context context{ckks::Parameters(plan.segments.front().parameters)};
    ckks::LimbPool pool(context.degree());
    const ckks::EvaluationKeys no_keys;
    ThreadPool threads(1);
    LinearEngine engine(context, no_keys, {context}, pool, threads);
    pooling.operands.resize(1);
    pooling.operands[0].taps = {{0, 0}};
    pooling.operands[0].weights.assign(weights.begin(), weights.end());
    const auto layout = plan::layouts(plan)[1];
    FeatureMap map;
    map.layout = layout;
    map.channels = 3;
    map.is_ready.assign(static_cast<std::size_t>(layout.columns()), true);
    std::mt19937_64 rng(6);
    std::vector<Ciphertext> given;
    const auto fresh = [&] {
        Ciphertext ct{ring::make_poly(pool, pooling.level), ring::make_poly(pool, pooling.level)};
        return ct;
    };
    for (int i = 0; i < layout.columns() * 3; ++i) {
        auto ct = fresh();
        auto copy = fresh();
        for (int t = 0; t < pooling.level; ++t)
            for (std::size_t n = 0; n < context.degree(); ++n) {
                const auto at = static_cast<std::size_t>(t);
                copy.c0[at][n] = ct.c0[at][n] = static_cast<u32>(rng() % context.prime(t));
                copy.c1[at][n] = ct.c1[at][n] = static_cast<u32>(rng() % context.prime(t));
            }
        map.ready.push_back(ckks::make_operand(context, std::move(ct)));
        given.push_back(std::move(copy));
    }
    const std::vector<bool> keep(static_cast<std::size_t>(layout.columns()), true), rotated(keep.size(), false);
    std::vector<LinearSource> sources{{&map, keep, rotated}};
    std::vector<int> columns(static_cast<std::size_t>(layout.columns()));
    std::iota(columns.begin(), columns.end(), 0);
    const auto result = engine.run(pooling, sources, layout, columns, {}, [](double) {});
    ASSERT_EQ(result.ready.size(), given.size());
    // The result is an operand: c0, and digits of c1.
    for (std::size_t i = 0; i < given.size(); ++i)
        for (int t = 0; t < pooling.level; ++t) {
            const auto at = static_cast<std::size_t>(t);
            const u32 q = context.prime(t);
            const ckks::Limb evaluations = pool.take();
            ckks::digit_evaluations(context, result.ready[i].digits1, result.ready[i].level, t, evaluations.get());
            const auto expected = [&](Poly Ciphertext::*part, std::size_t n) {
                std::int64_t sum = 0;
                for (std::size_t c = 0; c < 3; ++c)
                    sum += std::int64_t{weights[i % 3 * 3 + c]} * (given[i / 3 * 3 + c].*part)[at][n];
                return ring::reduce_signed(sum, q);
            };
            for (std::size_t n = 0; n < context.degree(); ++n) {
                ASSERT_EQ(result.ready[i].extended0[at][n], expected(&Ciphertext::c0, n));
                ASSERT_EQ(evaluations[n], expected(&Ciphertext::c1, n));
            }
        }
}

TEST(UnfinishedLayer, Multiplies) {
    check_unfinished_layer({7, -3, 0, 1, 0, 2, 0, 0, 5});
}
/// Nothing is left for the product: its sums are zero, and all is added at the division.
TEST(UnfinishedLayer, AddsAShortcutAtTheDivision) {
    check_unfinished_layer({7, 0, 0, 0, -5, 0, 0, 0, 1});
}

}  // namespace
}  // namespace obscura::tensor
