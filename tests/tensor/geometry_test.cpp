#include "tensor/geometry.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "plan/strides.hpp"

namespace obscura::tensor {
namespace {

using plan::Layout;
using plan::Tap;
using plan::testing::can_halve;

/// Any layout a network can have: an input layout and up to two strides after it.
Layout random_layout() {
    const int log_height = *rc::gen::inRange(1, 5), log_width = *rc::gen::inRange(1, 5);
    const int log_run = *rc::gen::inRange(0, log_height + log_width + 1);
    const int log_slots = *rc::gen::inRange(log_height + log_width - log_run, 11);
    Layout layout =
        plan::input_layout(1 << log_height, 1 << log_width, plan::cell_of(1 << log_run, 1 << log_width), log_slots);
    for (int i = *rc::gen::inRange(0, 3); i > 0 && layout.height > 1 && layout.width > 1 && can_halve(layout); --i)
        layout = plan::strided(layout, 2);
    return layout;
}

plan::Operand random_operand(int stride) {
    plan::Operand operand;
    operand.channels = 2;
    operand.stride = stride;
    const int taps = *rc::gen::inRange(1, 6);
    for (int i = 0; i < taps; ++i) operand.taps.push_back({*rc::gen::inRange(-3, 4), *rc::gen::inRange(-3, 4)});
    return operand;
}

/// A layer that reads `source` at a stride and, beside it, the strided layout at stride 1, as residual blocks do.
struct Case {
    plan::Layer layer;
    std::vector<Layout> sources;
    Layout output;
};
Case random_case() {
    Case c;
    const Layout source = random_layout();
    const bool may_stride = source.height > 1 && source.width > 1 && can_halve(source);
    const int stride = may_stride ? *rc::gen::inRange(1, 3) : 1;
    c.output = plan::strided(source, stride);
    c.sources = {source, c.output};
    c.layer.out_channels = 3;  // of two: no operand is diagonal
    c.layer.operands = {random_operand(stride), random_operand(1)};
    return c;
}

/// From any output column on, the source columns that are read are those whose last use is not before it.
TEST(Geometry, LastUsesFollowFromNeeds) {
    EXPECT_TRUE(rc::check([] {
        const auto c = random_case();
        const auto geometry = make_geometry(c.layer, c.sources, c.output);
        std::vector<int> columns;
        for (int d = 0; d < c.output.columns(); ++d)
            if (*rc::gen::inRange(0, 4) > 0) columns.push_back(d);
        const auto last_uses = geometry.last_uses(columns);
        std::vector<int> every(static_cast<std::size_t>(c.output.columns()));
        std::iota(every.begin(), every.end(), 0);
        const auto known = geometry.needs(every);  // some of them by columns that are not computed
        for (std::size_t first = 0; first <= columns.size(); ++first) {
            const auto expected = geometry.needs(std::span(columns).subspan(first));
            for (const auto& [column, shifts] : known)
                RC_ASSERT(last_uses.is_read_from(column, first) == expected.contains(column));
        }
    }));
}

/// Walks over the pixels: whatever output pixel a column holds, its terms must point at the right source pixel.
TEST(Geometry, TermsReadThePixelsOfTheTaps) {
    EXPECT_TRUE(rc::check([] {
        const auto c = random_case();
        const auto geometry = make_geometry(c.layer, c.sources, c.output);
        RC_ASSERT(static_cast<int>(geometry.terms.size()) == c.output.columns());
        for (int y = 0; y < c.output.height; ++y)
            for (int x = 0; x < c.output.width; ++x) {
                const int pixel = y * c.output.width + x;
                auto term = geometry.terms[static_cast<std::size_t>(c.output.column(pixel))].begin();
                for (int o = 0; o < 2; ++o) {
                    const auto& operand = c.layer.operands[static_cast<std::size_t>(o)];
                    const Layout& source = c.sources[static_cast<std::size_t>(o)];
                    for (int tap = 0; tap < static_cast<int>(operand.taps.size()); ++tap, ++term) {
                        const auto [dy, dx] = operand.taps[static_cast<std::size_t>(tap)];
                        const int wanted = (operand.stride * y + dy) * source.width + operand.stride * x + dx;
                        const int raster = ((wanted % source.pixels()) + source.pixels()) % source.pixels();
                        RC_ASSERT(term->operand == o);
                        RC_ASSERT(term->tap == tap);
                        RC_ASSERT(term->column == source.column(raster));
                        RC_ASSERT(term->shift >= 0);
                        RC_ASSERT(term->shift < source.tiles);
                        RC_ASSERT((c.output.tile(pixel) + term->shift) % source.tiles == source.tile(raster));
                    }
                }
                RC_ASSERT(term == geometry.terms[static_cast<std::size_t>(c.output.column(pixel))].end());
            }
    }));
}

/// Zero padding in any layout, merged or not: in the phases whose mask has a pixel's tile are the taps that are inside,
/// each once, and the borders that are inside; the column has the borders that some tile is outside of.
TEST(Geometry, MaskedPhasesReadTheImageOnly) {
    EXPECT_TRUE(rc::check([] {
        const Layout source = random_layout();
        const bool merge = source.height > 1 && source.width > 1 && *rc::gen::arbitrary<bool>();
        plan::Layer layer;
        layer.masked = true;
        layer.operands = {random_operand(merge ? 2 : 1)};
        layer.operands[0].padding = plan::Padding::zeros;
        auto& operand = layer.operands[0];
        if (merge) layer.merged_run = plan::densest_run(source, 2);
        const Layout output = merge ? plan::merged(source, 2, layer.merged_run) : source;
        layer.borders = {{operand.stride, {*rc::gen::inRange(-2, 3), *rc::gen::inRange(-2, 3)}, {}}};
        const auto geometry = make_geometry(layer, {source}, output);
        for (int pixel = 0; pixel < output.pixels(); ++pixel) {
            const int tile = output.tile(pixel), d = output.column(pixel);
            const auto& column = geometry.output_columns[static_cast<std::size_t>(d)];
            const auto has_tile = [&](const ColumnPhase& phase) {
                return geometry.masks[static_cast<std::size_t>(phase.mask)][static_cast<std::size_t>(tile)];
            };
            std::vector<int> found(operand.taps.size(), 0);
            for (const auto& term : geometry.terms[static_cast<std::size_t>(d)]) {
                if (!has_tile(column.phases.at(static_cast<std::size_t>(term.phase)))) continue;
                const auto [dy, dx] = operand.taps[static_cast<std::size_t>(term.tap)];
                const int y = operand.stride * (pixel / output.width) + dy;
                const int x = operand.stride * (pixel % output.width) + dx;
                RC_ASSERT(y >= 0);
                RC_ASSERT(x >= 0);
                RC_ASSERT(y < source.height);
                RC_ASSERT(x < source.width);
                RC_ASSERT(term.column == source.column(y * source.width + x));
                RC_ASSERT((tile + term.shift) % source.tiles == source.tile(y * source.width + x));
                ++found[static_cast<std::size_t>(term.tap)];
            }
            for (std::size_t tap = 0; tap < found.size(); ++tap)
                RC_ASSERT(found[tap] == (plan::is_inside(operand.taps[tap], operand.stride, pixel / output.width,
                                                         pixel % output.width, output.height, output.width)
                                             ? 1
                                             : 0));
            int shifts = static_cast<int>(column.borders.size());
            for (const auto& phase : column.phases)
                if (has_tile(phase)) shifts -= static_cast<int>(phase.borders.size());
            const auto outside =
                plan::outside_pixels(layer.borders[0].tap, operand.stride, output.height, output.width);
            RC_ASSERT(shifts == std::count(outside.begin(), outside.end(), pixel));
        }
    }));
}

TEST(Geometry, NeedsAreTheTermsOfTheColumns) {
    EXPECT_TRUE(rc::check([] {
        const auto c = random_case();
        const auto geometry = make_geometry(c.layer, c.sources, c.output);
        std::vector<int> columns;
        for (int d = 0; d < c.output.columns(); ++d)
            if (*rc::gen::arbitrary<bool>()) columns.push_back(d);
        const auto needs = geometry.needs(columns);
        std::size_t counted = 0;
        for (const auto& [column, shifts] : needs)
            for (const int shift : shifts) {
                ++counted;
                bool used = false;
                for (const int d : columns)
                    used |= std::any_of(geometry.terms[static_cast<std::size_t>(d)].begin(),
                                        geometry.terms[static_cast<std::size_t>(d)].end(),
                                        [&, column = column, shift = shift](const Term& t) {
                                            return SourceColumn(t.operand, t.column) == column && t.shift == shift;
                                        });
                RC_ASSERT(used);
            }
        std::set<std::tuple<int, int, int>> different;
        for (const int d : columns)
            for (const auto& t : geometry.terms[static_cast<std::size_t>(d)])
                different.insert({t.operand, t.column, t.shift});
        RC_ASSERT(counted == different.size());
    }));
}

/// A row a tile, 3x3 taps: a column needs its own and its two neighbours, rotated by a row up, none, and one down;
/// at the ends of a row the neighbour is a row further, as raster order is cyclic.
TEST(Geometry, RowsOfAConvolution) {
    plan::Layer layer;
    layer.operands.resize(1);
    for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) layer.operands[0].taps.push_back({dy, dx});
    const auto layout = plan::input_layout(8, 8, plan::cell_of(8, 8), 10);
    const auto geometry = make_geometry(layer, {layout}, layout);
    const auto needs_of = [&](const std::vector<int>& columns) { return geometry.needs(columns); };
    using Needs = std::map<SourceColumn, std::set<int>>;
    EXPECT_EQ(needs_of({3}), (Needs{{{0, 2}, {0, 1, 7}}, {{0, 3}, {0, 1, 7}}, {{0, 4}, {0, 1, 7}}}));
    EXPECT_EQ(needs_of({0}), (Needs{{{0, 7}, {0, 6, 7}}, {{0, 0}, {0, 1, 7}}, {{0, 1}, {0, 1, 7}}}));
    EXPECT_EQ(needs_of({0, 1, 2, 3, 4, 5, 6, 7}).size(), 8u);
    EXPECT_TRUE(needs_of({}).empty());
}

/// A convolution and a shortcut of the same shape, three channels each.
plan::Layer with_shortcut() {
    plan::Layer layer;
    layer.out_channels = 3;
    layer.operands.resize(2);
    layer.operands[0].channels = layer.operands[1].channels = 3;
    for (int dx = -1; dx <= 1; ++dx) layer.operands[0].taps.push_back({0, dx});
    layer.operands[0].weights.assign(27, 1);
    layer.operands[1].taps = {{0, 0}};
    layer.operands[1].weights = {4, 0, 0, 0, -5, 0, 0, 0, 6};
    return layer;
}

TEST(Geometry, DiagonalShortcutsAreAddedAtTheDivision) {
    const auto layout = plan::input_layout(8, 8, plan::cell_of(8, 8), 10);
    const auto geometry = make_geometry(with_shortcut(), {layout, layout}, layout);
    ASSERT_TRUE(geometry.addend.has_value());
    EXPECT_EQ(geometry.addend->operand, 1);
    std::vector<int> every(8);
    std::iota(every.begin(), every.end(), 0);
    EXPECT_EQ(geometry.addend->columns, every);
    for (const auto& terms : geometry.terms)
        for (const auto& term : terms) EXPECT_EQ(term.operand, 0);
    EXPECT_FALSE(geometry.needs(every).contains({1, 0}));
    const auto last_uses = geometry.last_uses(every);
    EXPECT_TRUE(last_uses.is_read_from({1, 5}, 5));  // until its own column has been divided
    EXPECT_FALSE(last_uses.is_read_from({1, 5}, 6));
}

/// What cannot be added channel by channel, column by column, or is divided otherwise, stays in the product.
TEST(Geometry, OtherShortcutsAreMultiplied) {
    const auto layout = plan::input_layout(8, 8, plan::cell_of(8, 8), 10);
    const auto expect_terms = [](const plan::Layer& layer, const std::vector<Layout>& sources, const Layout& output) {
        const auto geometry = make_geometry(layer, sources, output);
        EXPECT_FALSE(geometry.addend.has_value());
        for (const auto& terms : geometry.terms)
            EXPECT_TRUE(std::any_of(terms.begin(), terms.end(), [](const Term& t) { return t.operand == 1; }));
    };
    auto dense = with_shortcut();
    dense.operands[1].weights[1] = 1;
    expect_terms(dense, {layout, layout}, layout);
    auto shifted = with_shortcut();
    shifted.operands[1].taps = {{0, 1}};
    expect_terms(shifted, {layout, layout}, layout);
    auto masked = with_shortcut();
    masked.masked = true;
    expect_terms(masked, {layout, layout}, layout);
    auto head = with_shortcut();
    head.finish = plan::Finish::head;
    expect_terms(head, {layout, layout}, layout);
    auto strided = with_shortcut();
    strided.operands[0].stride = strided.operands[1].stride = 2;
    expect_terms(strided, {layout, layout}, plan::strided(layout, 2));
}

}  // namespace
}  // namespace obscura::tensor
