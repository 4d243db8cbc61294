// What happens to the values of one image between two convolutions.  Images are channels-last, [pixels, channels], with
// channels in multiples of 8; everything else is given per channel.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "vector.hpp"

namespace kernels {

// y = (a z + b) z + c, z being cut to [low, high] first.
struct Curve {
    const float *a, *b, *c, *low, *high;
};

constexpr int64_t kMoments = 3;    // what is noted of a channel: sums of z, z^2 and z^4
constexpr int64_t kCurveSums = 5;  // a curve's own gradients in a channel: of a, b, c, low and high

// What is noted of a layer's values z: their moments, z being cut to [low, high], and the largest |z + shift|, which is
// not; rms is the unit of peaks.
struct Watch {
    const float *low, *high, *shift, *rms;
};

// Gradients that belong to what was noted: first, second and fourth [channels] of the moments, divided by their count,
// and the one of the image's peak.
struct WatchGradient {
    const float *first, *second, *fourth;
    float peak;
};

template <class V>
inline V inside(V value, V z, V low, V high) {
    const V zero = {};
    value = z < low ? zero : value;
    return z > high ? zero : value;
}

// sums [kMoments, channels], largest [channels].
inline void note_moments(const float* z, const Watch& watch, int64_t pixels, int64_t channels, float* sums,
                         float* largest) {
    with_widest(channels, [&]<int64_t Lanes>() {
        using V = Vector<Lanes>;
        for (int64_t c = 0; c < channels; c += Lanes) {
            const V low = load<Lanes>(watch.low + c), high = load<Lanes>(watch.high + c),
                    shift = load<Lanes>(watch.shift + c);
            V first = {}, second = {}, fourth = {}, top = {};
            for (int64_t i = 0; i < pixels; ++i) {
                const V value = load<Lanes>(z + i * channels + c), distance = magnitude(value + shift);
                top = distance <= top ? top : distance;  // NaN stays
                const V x = cut(value, low, high), square = x * x;
                first += x;
                second += square;
                fourth += square * square;
            }
            store(sums + c, first);
            store(sums + channels + c, second);
            store(sums + 2 * channels + c, fourth);
            store(largest + c, top);
        }
    });
}

// Adds to dz what the noted moments and the peak of z give.
inline void add_watch_gradient(const float* z, const Watch& watch, const WatchGradient& gradient, int64_t pixels,
                               int64_t channels, float* dz) {
    float top = -1;
    int64_t place = 0;
    with_widest(channels, [&]<int64_t Lanes>() {
        using V = Vector<Lanes>;
        for (int64_t c = 0; c < channels; c += Lanes) {
            const V low = load<Lanes>(watch.low + c), high = load<Lanes>(watch.high + c);
            const V first = load<Lanes>(gradient.first + c), second = 2 * load<Lanes>(gradient.second + c),
                    fourth = 4 * load<Lanes>(gradient.fourth + c);
            for (int64_t i = 0; i < pixels; ++i) {
                const V x = load<Lanes>(z + i * channels + c), slope = first + x * (second + fourth * x * x);
                store(dz + i * channels + c, load<Lanes>(dz + i * channels + c) + inside(slope, x, low, high));
            }
        }
    });
    if (gradient.peak == 0) return;
    for (int64_t c = 0; c < channels; ++c)
        for (int64_t at = c; at < pixels * channels; at += channels) {
            const float ratio = std::fabs(z[at] + watch.shift[c]) / watch.rms[c];
            if (ratio > top) top = ratio, place = at;
        }
    const int64_t c = place % channels;
    dz[place] += (z[place] + watch.shift[c] < 0 ? -1 : 1) * gradient.peak / watch.rms[c];
}

// Gradients through y = curve(z): dz from dy, which may be one array; sums [kCurveSums, channels].
inline void curve_gradient(const float* dy, const float* z, const Curve& curve, int64_t pixels, int64_t channels,
                           float* dz, float* sums) {
    with_widest(channels, [&]<int64_t Lanes>() {
        using V = Vector<Lanes>;
        for (int64_t c = 0; c < channels; c += Lanes) {
            const V low = load<Lanes>(curve.low + c), high = load<Lanes>(curve.high + c),
                    twice = 2 * load<Lanes>(curve.a + c), b = load<Lanes>(curve.b + c);
            const V zero = {};
            V of_a = {}, of_b = {}, of_c = {}, of_low = {}, of_high = {};
            for (int64_t i = 0; i < pixels; ++i) {
                const V value = load<Lanes>(z + i * channels + c), x = cut(value, low, high),
                        g = load<Lanes>(dy + i * channels + c), of_x = g * (twice * x + b);
                of_a += g * x * x;
                of_b += g * x;
                of_c += g;
                of_low += value < low ? of_x : zero;
                of_high += value > high ? of_x : zero;
                store(dz + i * channels + c, inside(of_x, value, low, high));
            }
            store(sums + c, of_a);
            store(sums + channels + c, of_b);
            store(sums + 2 * channels + c, of_c);
            store(sums + 3 * channels + c, of_low);
            store(sums + 4 * channels + c, of_high);
        }
    });
}

// curve(z) of `count` neighbouring pixels, of any number of channels.
inline void apply_curve(const float* z, const Curve& curve, int64_t count, int64_t channels, float* y) {
    with_widest(channels, [&]<int64_t Lanes>() {
        using V = Vector<Lanes>;
        const int64_t whole = channels / Lanes * Lanes;
        for (int64_t c = 0; c < whole; c += Lanes) {
            const V a = load<Lanes>(curve.a + c), b = load<Lanes>(curve.b + c), constant = load<Lanes>(curve.c + c),
                    low = load<Lanes>(curve.low + c), high = load<Lanes>(curve.high + c);
            for (int64_t i = 0; i < count; ++i) {
                const V x = cut(load<Lanes>(z + i * channels + c), low, high);
                store(y + i * channels + c, (a * x + b) * x + constant);
            }
        }
        for (int64_t c = whole; c < channels; ++c)
            for (int64_t i = c; i < count * channels; i += channels) {
                const float x = std::min(std::max(z[i], curve.low[c]), curve.high[c]);
                y[i] = (curve.a[c] * x + curve.b[c]) * x + curve.c[c];
            }
    });
}

// The sums of all images, `count` of each, times a factor.  Summed image by image, so that results do not depend on the
// number of threads.
inline void sum_over_images(const std::vector<float>& sums, int64_t count, double factor, float* total) {
    const size_t row = count;
    std::vector<double> sum(row);
    for (size_t first = 0; first < sums.size(); first += row)
        for (size_t i = 0; i < row; ++i) sum[i] += sums[first + i];
    for (size_t i = 0; i < row; ++i) total[i] = static_cast<float>(sum[i] * factor);
}

// Every image's peak: its largest |z + shift| / rms; infinite where it is not a number.
inline void note_peaks(const std::vector<float>& largest, const Watch& watch, int64_t images, int64_t channels,
                       float* peaks) {
    for (int64_t n = 0; n < images; ++n) {
        float peak = 0;
        for (int64_t c = 0; c < channels; ++c) {
            const float ratio = largest[n * channels + c] / watch.rms[c];
            peak = std::isnan(ratio) ? std::numeric_limits<float>::infinity() : std::max(peak, ratio);
        }
        peaks[n] = peak;
    }
}

}  // namespace kernels
