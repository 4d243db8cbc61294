// The passes over memory between two convolutions of a quadratic network, each done once.
//
// Tensors are channels-last: [images, pixels, channels] in memory.  An activation is y = (a z + b) z + c per channel
// (plus a skip tensor), z being cut to [low, high] first.  Sums are kept for each image, so that results do not
// depend on the number of threads.

#include <torch/extension.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace {

using torch::Tensor;

struct Shape {
    int64_t images, pixels, channels;
};

Shape shape_of(const Tensor& x, bool padding_only = false) {
    TORCH_CHECK(x.dim() == 4 && x.scalar_type() == torch::kFloat && x.is_contiguous(at::MemoryFormat::ChannelsLast),
                "need float32 [N, C, H, W] in channels-last order");
    TORCH_CHECK(padding_only || x.size(1) % 4 == 0, "need channels in multiples of 4, not ", x.size(1));
    return {x.size(0), x.size(2) * x.size(3), x.size(1)};
}

// Calls body.operator()<W>(first channel) for pieces of 16 channels, then of 4.
template <class Body>
void for_channels(int64_t channels, Body&& body) {
    int64_t c = 0;
    for (; c + 16 <= channels; c += 16) body.template operator()<16>(c);
    for (; c < channels; c += 4) body.template operator()<4>(c);
}

template <class Body>
void for_images(int64_t images, Body&& body) {
    at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) body(n);
    });
}

inline float cut(float z, float low, float high) { return std::min(std::max(z, low), high); }

// sums [N, 3, C] of z, z^2, z^4 with z cut to [low, high]; peak [N, C]: the largest |z + shift| before the cut.
std::vector<Tensor> moments(const Tensor& z, const Tensor& low, const Tensor& high, const Tensor& shift) {
    const auto [images, pixels, channels] = shape_of(z);
    Tensor sums = torch::empty({images, 3, channels}), peak = torch::empty({images, channels});
    const float *zp = z.data_ptr<float>(), *lo = low.data_ptr<float>(), *hi = high.data_ptr<float>(), *sh = shift.data_ptr<float>();
    float *sp = sums.data_ptr<float>(), *pp = peak.data_ptr<float>();
    for_images(images, [&, pixels = pixels, channels = channels](int64_t n) {
        for_channels(channels, [&]<int W>(int64_t c) {
            float s1[W] = {}, s2[W] = {}, s4[W] = {}, top[W] = {};
            const float* p = zp + n * pixels * channels + c;
            for (int64_t i = 0; i < pixels; ++i, p += channels)
                for (int w = 0; w < W; ++w) {
                    const float v = std::fabs(p[w] + sh[c + w]);
                    top[w] = v <= top[w] ? top[w] : v;  // NaN stays
                    const float x = cut(p[w], lo[c + w], hi[c + w]), square = x * x;
                    s1[w] += x;
                    s2[w] += square;
                    s4[w] += square * square;
                }
            float* out = sp + n * 3 * channels + c;
            for (int w = 0; w < W; ++w) {
                out[w] = s1[w];
                out[channels + w] = s2[w];
                out[2 * channels + w] = s4[w];
                pp[n * channels + c + w] = top[w];
            }
        });
    });
    return {sums, peak};
}

// (a z + b) z + c, plus skip if it is defined.
Tensor polynomial(const Tensor& z, const Tensor& low, const Tensor& high, const Tensor& a, const Tensor& b, const Tensor& constant,
                  const std::optional<Tensor>& skip) {
    const auto [images, pixels, channels] = shape_of(z);
    Tensor y = torch::empty_like(z);
    if (skip) shape_of(*skip);
    const float *zp = z.data_ptr<float>(), *lo = low.data_ptr<float>(), *hi = high.data_ptr<float>();
    const float *ap = a.data_ptr<float>(), *bp = b.data_ptr<float>(), *kp = constant.data_ptr<float>();
    const float* skip_p = skip ? skip->data_ptr<float>() : nullptr;
    float* yp = y.data_ptr<float>();
    for_images(images, [&, pixels = pixels, channels = channels](int64_t n) {
        for_channels(channels, [&]<int W>(int64_t c) {
            const int64_t start = n * pixels * channels + c;
            for (int64_t i = 0; i < pixels; ++i) {
                const int64_t at = start + i * channels;
                float out[W];
                for (int w = 0; w < W; ++w) {
                    const float x = cut(zp[at + w], lo[c + w], hi[c + w]);
                    out[w] = (ap[c + w] * x + bp[c + w]) * x + kp[c + w];
                }
                if (skip_p)
                    for (int w = 0; w < W; ++w) out[w] += skip_p[at + w];
                for (int w = 0; w < W; ++w) yp[at + w] = out[w];
            }
        });
    });
    return y;
}

// sums [N, 3, C] of dy z^2, dy z, dy: the gradients of a, b and the constant.
Tensor coefficient_gradient(const Tensor& dy, const Tensor& z, const Tensor& low, const Tensor& high) {
    const auto [images, pixels, channels] = shape_of(z);
    shape_of(dy);
    Tensor sums = torch::empty({images, 3, channels});
    const float *gp = dy.data_ptr<float>(), *zp = z.data_ptr<float>(), *lo = low.data_ptr<float>(), *hi = high.data_ptr<float>();
    float* sp = sums.data_ptr<float>();
    for_images(images, [&, pixels = pixels, channels = channels](int64_t n) {
        for_channels(channels, [&]<int W>(int64_t c) {
            float s2[W] = {}, s1[W] = {}, s0[W] = {};
            const int64_t start = n * pixels * channels + c;
            for (int64_t i = 0; i < pixels; ++i)
                for (int w = 0; w < W; ++w) {
                    const int64_t at = start + i * channels + w;
                    const float x = cut(zp[at], lo[c + w], hi[c + w]), slope = gp[at] * x;
                    s2[w] += slope * x;
                    s1[w] += slope;
                    s0[w] += gp[at];
                }
            float* out = sp + n * 3 * channels + c;
            for (int w = 0; w < W; ++w) {
                out[w] = s2[w];
                out[channels + w] = s1[w];
                out[2 * channels + w] = s0[w];
            }
        });
    });
    return sums;
}

// Adds an image's peak gradient to the place of its largest |z + shift| / rms.
void add_peak_gradient(float gradient, const float* z, const float* shift, const float* rms, float* dz, int64_t pixels, int64_t channels) {
    float top = -1;
    int64_t place = 0;
    for (int64_t i = 0; i < pixels * channels; ++i) {
        const float ratio = std::fabs(z[i] + shift[i % channels]) / rms[i % channels];
        if (ratio > top) top = ratio, place = i;
    }
    const int64_t c = place % channels;
    dz[place] += std::copysign(gradient / rms[c], z[place] + shift[c]) * (gradient < 0 ? -1 : 1);
}

// dy (2 a z + b) + g1 + 2 g2 z + 4 g4 z^3 within [low, high], 0 outside; g1, g2, g4: gradients of the mean moments,
// divided by their count.  d_peak [N] goes to each image's largest value.
Tensor input_gradient(const Tensor& dy, const Tensor& z, const Tensor& low, const Tensor& high, const Tensor& a, const Tensor& b, const Tensor& g1,
                      const Tensor& g2, const Tensor& g4, const Tensor& shift, const Tensor& rms, const Tensor& d_peak) {
    const auto [images, pixels, channels] = shape_of(z);
    shape_of(dy);
    Tensor dz = torch::empty_like(z);
    const float *gp = dy.data_ptr<float>(), *zp = z.data_ptr<float>(), *lo = low.data_ptr<float>(), *hi = high.data_ptr<float>();
    const float *ap = a.data_ptr<float>(), *bp = b.data_ptr<float>();
    const float *p1 = g1.data_ptr<float>(), *p2 = g2.data_ptr<float>(), *p4 = g4.data_ptr<float>();
    float* out = dz.data_ptr<float>();
    for_images(images, [&, pixels = pixels, channels = channels](int64_t n) {
        const int64_t first = n * pixels * channels;
        for_channels(channels, [&]<int W>(int64_t c) {
            for (int64_t i = 0; i < pixels; ++i)
                for (int w = 0; w < W; ++w) {
                    const int64_t at = first + i * channels + c + w;
                    const float x = zp[at];
                    const float slope = gp[at] * (2 * ap[c + w] * x + bp[c + w]) + p1[c + w] + x * (2 * p2[c + w] + 4 * p4[c + w] * x * x);
                    out[at] = x < lo[c + w] || x > hi[c + w] ? 0.0f : slope;
                }
        });
        const float gradient = d_peak.data_ptr<float>()[n];
        if (gradient != 0) add_peak_gradient(gradient, zp + first, shift.data_ptr<float>(), rms.data_ptr<float>(), out + first, pixels, channels);
    });
    return dz;
}

// Cyclic padding: right of pixel (y, w - 1) is (y + wrap, 0), below (h - 1, x) is (0, x). 0 <= wrap < h.
Tensor cyclic_pad(const Tensor& x, int64_t wrap) {
    const auto [images, pixels, channels] = shape_of(x, true);
    const int64_t h = x.size(2), w = x.size(3);
    Tensor out = torch::empty({images, channels, h + 2, w + 2}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
    for_images(images, [&, pixels = pixels, channels = channels](int64_t n) {
        const float* in = x.data_ptr<float>() + n * pixels * channels;
        float* to = out.data_ptr<float>() + n * (h + 2) * (w + 2) * channels;
        const auto copy = [&](int64_t y, int64_t from, int64_t count) {
            to = std::copy_n(in + (y % h * w + from) * channels, count * channels, to);
        };
        for (int64_t row = h - 1; row < 2 * h + 1; ++row) {
            copy(row + h - wrap, w - 1, 1);
            copy(row, 0, w);
            copy(row + wrap, 0, 1);
        }
    });
    return out;
}

Tensor cyclic_pad_gradient(const Tensor& dy, int64_t wrap) {
    const auto [images, padded, channels] = shape_of(dy);
    const int64_t h = dy.size(2) - 2, w = dy.size(3) - 2, pixels = h * w;
    Tensor dx = torch::empty({images, channels, h, w}, dy.options().memory_format(at::MemoryFormat::ChannelsLast));
    for_images(images, [&, padded = padded, channels = channels](int64_t n) {
        const float* in = dy.data_ptr<float>() + n * padded * channels;
        float* to = dx.data_ptr<float>() + n * pixels * channels;
        for (int64_t row = 0; row < h; ++row)  // first every pixel's own place, then the copies
            std::copy_n(in + ((row + 1) * (w + 2) + 1) * channels, w * channels, to + row * w * channels);
        const auto add = [&](int64_t y, int64_t x, int64_t count, const float* from) {
            float* sum = to + (y % h * w + x) * channels;
            for (int64_t i = 0; i < count * channels; ++i) sum[i] += from[i];
        };
        for (int64_t row = h - 1; row < 2 * h + 1; ++row, in += (w + 2) * channels) {
            add(row + h - wrap, w - 1, 1, in);
            if (row == h - 1 || row == 2 * h) add(row, 0, w, in + channels);
            add(row + wrap, 0, 1, in + (w + 1) * channels);
        }
    });
    return dx;
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
    module.def("moments", &moments);
    module.def("polynomial", &polynomial);
    module.def("coefficient_gradient", &coefficient_gradient);
    module.def("input_gradient", &input_gradient);
    module.def("cyclic_pad", &cyclic_pad);
    module.def("cyclic_pad_gradient", &cyclic_pad_gradient);
}
