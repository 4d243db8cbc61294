#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "io/images.hpp"
#include "plan/layout.hpp"
#include "plan/plan.hpp"
#include "ring/primes.hpp"

/// A small residual network as a plan, and its definition in plain numbers.
namespace obscura::test {

struct ToyShape {
    int log_degree = 11;
    int side = 8;
    int channels = 2;
    int run_length = 8;
    int special = 3;
    bool strided = true;
    bool merged = false;    ///< the strided layer merges tiles, its shortcut in a layer of its own
    bool zeros = false;     ///< zero padding, with constants at the borders
    int wrap = 1;           ///< of cyclic padding at the full size; half of it, but at least 1, after the stride
    int shrink = 0;         ///< the layers after a merging, or after the second, go to a ring of 2^shrink fewer slots
    bool segments = false;  ///< they have keys and special primes of their own, whether they shrink or not
    int copies = 1;         ///< of the images in a ciphertext of the first ring
    int dilation = 1;       ///< pixels between the taps of the last convolutions, if nothing is strided or merged
};

inline std::vector<plan::Tap> square_taps(int reach) {
    std::vector<plan::Tap> taps;
    for (int dy = -reach; dy <= reach; ++dy)
        for (int dx = -reach; dx <= reach; ++dx) taps.push_back({dy, dx});
    return taps;
}

/// conv, conv + shortcut, (strided) conv, conv + projected shortcut, pooling-free head: every kind of operand a ResNet
/// has.
inline plan::Plan toy_plan(const ToyShape& shape, unsigned seed) {
    std::mt19937 rng(seed);
    plan::Plan plan;
    plan.model = "toy";
    plan.cell = plan::cell_of(shape.run_length, shape.side, shape.wrap);
    plan.copies = shape.copies;
    plan.input.channels = shape.channels;
    plan.input.height = plan.input.width = shape.side;
    plan.input.mean.assign(static_cast<std::size_t>(shape.channels), 120);
    plan.input.factor.assign(static_cast<std::size_t>(shape.channels), 0x1p44 / 128);
    plan.segments.front().parameters.log_degree = shape.log_degree;
    int wrap = shape.wrap, dilation = 1;
    std::vector<int> output_levels{0};  // counted from the top until all layers are known

    auto operand = [&](int source, int channels, int outputs, int stride, int reach, int range) {
        plan::Operand o;
        o.source = source;
        o.channels = channels;
        o.stride = stride;
        for (const auto tap : square_taps(reach)) o.taps.push_back({dilation * tap.dy, dilation * tap.dx});
        if (reach > 0) o.padding = shape.zeros ? plan::Padding::zeros : plan::Padding{wrap};
        std::uniform_int_distribution<int> weight(-range, range);
        for (std::size_t i = 0;
             i < static_cast<std::size_t>(outputs) * o.taps.size() * static_cast<std::size_t>(channels); ++i)
            o.weights.push_back(static_cast<std::int16_t>(weight(rng)));
        return o;
    };
    auto layer = [&](const char* name, int outputs, int side, plan::Finish finish, std::vector<plan::Operand> operands,
                     int merged_run = 0) {
        plan::Layer l;
        l.name = name;
        l.finish = finish;
        l.out_channels = outputs;
        l.height = l.width = side;
        l.operands = std::move(operands);
        l.merged_run = merged_run;
        for (const auto& o : l.operands)
            l.level = std::min(l.level, output_levels[static_cast<std::size_t>(o.source + 1)]);
        std::uniform_real_distribution<double> bias(-0x1p20, 0x1p20);
        for (int i = 0; i < outputs; ++i) {
            l.bias.push_back(finish == plan::Finish::head ? 0 : std::round(bias(rng)));
            l.output_scale.push_back(finish == plan::Finish::head ? 0x1p44 : 0x1p22);
        }
        if (shape.zeros && finish == plan::Finish::square)
            for (const auto& tap : square_taps(1)) {
                const int step = l.operands[0].stride;
                if (plan::stays_inside(tap, step)) continue;
                l.borders.push_back({step, tap, {}});
                for (int i = 0; i < outputs; ++i) l.borders.back().shift.push_back(std::round(bias(rng)));
            }
        plan.layers.push_back(std::move(l));
        const auto all = plan::layouts(plan);
        std::vector<plan::Layout> sources;
        auto& added = plan.layers.back();
        for (const auto& o : added.operands) sources.push_back(all[static_cast<std::size_t>(o.source + 1)]);
        added.masked = merged_run != 0 || plan::needs_masks(added, sources, all.back());
        output_levels.push_back(added.output_level());
    };
    const auto shortcut = [](int source, int channels, std::int16_t weight) {
        plan::Operand diagonal{source, channels, 1, {{0, 0}}, {}};
        for (int i = 0; i < channels * channels; ++i)
            diagonal.weights.push_back(i % (channels + 1) == 0 ? weight : std::int16_t{0});
        return diagonal;
    };
    const int stride = shape.strided ? 2 : 1, small = shape.side / stride;
    layer("first", 3, shape.side, plan::Finish::square, {operand(-1, shape.channels, 3, 1, 1, 150)});
    layer("second", 3, shape.side, plan::Finish::square, {operand(0, 3, 3, 1, 1, 40), shortcut(0, 3, -60)});
    const plan::Layout whole = plan::input_layout(shape.side, shape.side, plan.cell, shape.log_degree);
    const auto begin_segment = [&] {
        if (!shape.segments) return;
        plan.segments.emplace_back().first_layer = static_cast<int>(plan.layers.size());
        plan.segments.back().parameters.log_degree = shape.log_degree - shape.shrink;
    };
    if (shape.merged) {
        const int run = plan::densest_run(whole, stride);
        layer("shortcut", 5, small, plan::Finish::none, {operand(1, 3, 5, stride, 0, 30)}, run);
        layer("third", 5, small, plan::Finish::square, {operand(1, 3, 5, stride, 1, 40)}, run);
        begin_segment();
        wrap = std::max(1, wrap / stride);
        layer("fourth", 5, small, plan::Finish::square, {operand(3, 5, 5, 1, 1, 30), shortcut(2, 5, 1)});
    } else {
        begin_segment();
        dilation = shape.dilation;
        layer("third", 5, small, plan::Finish::square, {operand(1, 3, 5, stride, 1, 40)});
        wrap = std::max(1, wrap / stride);
        layer("fourth", 5, small, plan::Finish::square, {operand(2, 5, 5, 1, 1, 30), operand(1, 3, 5, stride, 0, 30)});
    }
    layer("scores", 3, small, plan::Finish::head, {operand(static_cast<int>(plan.layers.size()) - 1, 5, 3, 1, 0, 20)});

    const int limbs = 2 - output_levels.back();
    std::vector<bool> masks(static_cast<std::size_t>(limbs), false);
    for (auto& l : plan.layers) {
        l.level += limbs;
        if (l.masked) masks[static_cast<std::size_t>(l.level - 1)] = true;
    }
    auto& p = plan.segments.front().parameters;
    const auto mask_count = static_cast<int>(std::count(masks.begin(), masks.end(), true));
    const auto primes = ring::ntt_primes(shape.log_degree, limbs - mask_count + shape.special);
    const auto scales = ring::ntt_primes_above(1u << 19, shape.log_degree, mask_count);
    p.special.assign(primes.begin(), primes.begin() + shape.special);
    auto next_prime = primes.begin() + shape.special;
    auto next_scale = scales.begin();
    for (const bool mask : masks) p.chain.push_back(mask ? *next_scale++ : *next_prime++);
    p.digit_limbs = shape.special;
    p.insecure_for_tests = true;
    if (shape.segments) {
        auto& lower = plan.segments.back().parameters;
        lower = p;
        lower.log_degree -= shape.shrink;
        // merged: of the shortcut; the convolution has one limb less, which it drops in the smaller ring
        const int limbs_there = shape.merged ? plan.layers[2].output_level() : plan.layers[1].output_level() + 1;
        lower.chain.resize(static_cast<std::size_t>(limbs_there));
        lower.special.pop_back();
        --lower.digit_limbs;
    }
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        plan.segments[i].relinearisation_level = plan::highest_square(plan, i);
        plan.segments[i].rotation_keys = plan::required_rotations(plan, i);
    }
    return plan;
}

inline io::Images random_images(const plan::Plan& plan, int count, unsigned seed) {
    io::Images images{count, plan.input.height, plan.input.width, plan.input.channels, {}, {}};
    std::mt19937 rng(seed);
    std::uniform_int_distribution<int> pixel(0, 255);
    for (int i = 0; i < count * images.height * images.width * images.channels; ++i)
        images.pixels.push_back(static_cast<std::uint8_t>(pixel(rng)));
    return images;
}

/// Class scores by the plan's definition, in doubles; noise of the given rms (units of z) is added before each square.
inline std::vector<double> plain_scores(const plan::Plan& plan, const io::Images& images, double noise_rms,
                                        unsigned seed) {
    std::mt19937 rng(seed);
    std::normal_distribution<double> noise(0, 1);
    std::vector<double> scores;
    for (int image = 0; image < images.count; ++image) {
        std::vector<std::vector<double>> maps;  // [map][pixel * channels + channel]
        std::vector<int> widths{images.width}, heights{images.height};
        auto& input = maps.emplace_back();
        const auto size = static_cast<std::size_t>(images.height * images.width * images.channels);
        for (std::size_t i = 0; i < size; ++i) {
            const auto c = i % static_cast<std::size_t>(images.channels);
            input.push_back((images.pixels[static_cast<std::size_t>(image) * size + i] - plan.input.mean[c]) *
                            plan.input.factor[c]);
        }
        for (const auto& layer : plan.layers) {
            std::vector<double> out(static_cast<std::size_t>(layer.height * layer.width * layer.out_channels));
            for (const auto& op : layer.operands) {
                const auto source = static_cast<std::size_t>(op.source + 1);
                const int w = widths[source];
                for (int y = 0; y < layer.height; ++y)
                    for (int x = 0; x < layer.width; ++x)
                        for (int o = 0; o < layer.out_channels; ++o)
                            for (std::size_t tap = 0; tap < op.taps.size(); ++tap) {
                                const int sy = y * op.stride + op.taps[tap].dy, sx = x * op.stride + op.taps[tap].dx;
                                if (op.padding == plan::Padding::zeros &&
                                    (sy < 0 || sx < 0 || sy >= heights[source] || sx >= w))
                                    continue;
                                const int p =
                                    plan::cyclic_pixel(sy, sx, heights[source], w, std::max(1, op.padding.wrap));
                                for (int c = 0; c < op.channels; ++c)
                                    out[static_cast<std::size_t>((y * layer.width + x) * layer.out_channels + o)] +=
                                        op.weights[(static_cast<std::size_t>(o) * op.taps.size() + tap) *
                                                       static_cast<std::size_t>(op.channels) +
                                                   static_cast<std::size_t>(c)] *
                                        maps[source][static_cast<std::size_t>(p * op.channels + c)];
                            }
            }
            const auto outputs = static_cast<std::size_t>(layer.out_channels);
            std::vector<double> added(out.size(), 0.0);
            for (const auto& border : layer.borders)
                for (int y = 0; y < layer.height; ++y)
                    for (int x = 0; x < layer.width; ++x) {
                        const int sy = y * border.stride + border.tap.dy, sx = x * border.stride + border.tap.dx;
                        if (sy >= 0 && sx >= 0 && sy < border.stride * layer.height && sx < border.stride * layer.width)
                            continue;
                        for (std::size_t o = 0; o < outputs; ++o)
                            added[static_cast<std::size_t>(y * layer.width + x) * outputs + o] += border.shift[o];
                    }
            if (layer.finish == plan::Finish::square)
                for (std::size_t i = 0; i < out.size(); ++i) {
                    const double z =
                        out[i] /
                            plan.segments.front().parameters.chain[static_cast<std::size_t>(layer.rescale_limb())] +
                        layer.bias[i % outputs] + added[i] + noise_rms * noise(rng);
                    out[i] = z * z;
                }
            if (layer.finish == plan::Finish::head)
                for (std::size_t o = 0; o < outputs; ++o) {
                    double sum = 0;
                    for (std::size_t i = o; i < out.size(); i += outputs) sum += out[i];
                    scores.push_back(sum / layer.output_scale[o] + layer.bias[o]);
                }
            maps.push_back(std::move(out));
            widths.push_back(layer.width);
            heights.push_back(layer.height);
        }
    }
    return scores;
}

}  // namespace obscura::test
