// The kernels for PyTorch: shapes are checked here, tensors made, and pointers handed on.
//
// Tensors are float32.  Images are channels-last.  Coefficients [3, channels] are a, b, c of a Curve, bounds [4,
// channels] low, high, shift, rms: those of a layer's values, to which a Curve is cut and by which a Watch notes.

#include <torch/extension.h>

#include <tuple>

#include "combination.hpp"
#include "convolution.hpp"
#include "tile_convolution.hpp"

namespace {

using kernels::Convolution;
using torch::Tensor;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

const float* values(const Tensor& tensor) {
    return tensor.data_ptr<float>();
}
float* results(Tensor& tensor) {
    return tensor.data_ptr<float>();
}

void check_images(const Tensor& x, const char* what) {
    TORCH_CHECK(x.dim() == 4 && x.scalar_type() == torch::kFloat && x.is_contiguous(kChannelsLast), what,
                ": need float32 [N, C, H, W] in channels-last order");
}

void check_per_channel(const Tensor& x, int64_t rows, int64_t channels, const char* what) {
    TORCH_CHECK(x.dim() == 2 && x.size(0) == rows && x.size(1) == channels && x.scalar_type() == torch::kFloat &&
                    x.is_contiguous(),
                what, ": need float32 [", rows, ", ", channels, "], contiguous");
}

void check_channels(int64_t channels) {
    TORCH_CHECK(channels % 8 == 0, "need channels in multiples of 8, not ", channels);
}

Tensor empty_images(int64_t images, int64_t channels, int64_t rows, int64_t columns) {
    return torch::empty({images, channels, rows, columns},
                        at::TensorOptions(torch::kFloat).memory_format(kChannelsLast));
}

kernels::Curve curve_of(const Tensor& coefficients, const Tensor& bounds, int64_t channels) {
    check_per_channel(coefficients, 3, channels, "coefficients");
    check_per_channel(bounds, 4, channels, "bounds");
    const float *c = values(coefficients), *b = values(bounds);
    return {c, c + channels, c + 2 * channels, b, b + channels};
}

kernels::Watch watch_of(const Tensor& bounds, int64_t channels) {
    check_per_channel(bounds, 4, channels, "bounds");
    const float* b = values(bounds);
    return {b, b + channels, b + 2 * channels, b + 3 * channels};
}

kernels::WatchGradient moments_of(const Tensor& gradient, const Tensor& peaks, int64_t images, int64_t channels) {
    check_per_channel(gradient, 3, channels, "gradient of moments");
    TORCH_CHECK(
        peaks.dim() == 1 && peaks.size(0) == images && peaks.scalar_type() == torch::kFloat && peaks.is_contiguous(),
        "gradient of peaks: need float32 [", images, "]");
    const float* g = values(gradient);
    return {g, g + channels, g + 2 * channels, 0};
}

Convolution shape_of(const Tensor& z, const Tensor& weight, int64_t wrap, int64_t stride) {
    check_images(z, "input");
    TORCH_CHECK(weight.dim() == 4 && weight.scalar_type() == torch::kFloat && weight.is_contiguous() &&
                    weight.size(1) == z.size(1) && weight.size(2) == weight.size(3) &&
                    (weight.size(2) == 1 || weight.size(2) == 3),
                "weight: need float32 [outputs, ", z.size(1), ", 1 or 3, 1 or 3], contiguous");
    TORCH_CHECK(stride == 1 || stride == 2, "stride ", stride, ": need 1 or 2");
    TORCH_CHECK(wrap >= 0 && wrap < z.size(2), "wrap ", wrap, ": need less than the ", z.size(2), " rows");
    check_channels(weight.size(0));
    return {z.size(0), z.size(2), z.size(3), z.size(1), weight.size(0), weight.size(2), stride, wrap};
}

// (out, peaks [N], moments [3, outputs]), see convolution.hpp; in_tiles: with products of bfloat16, where channels fit.
std::tuple<Tensor, Tensor, Tensor> convolve(const Tensor& z, const Tensor& coefficients, const Tensor& bounds,
                                            const Tensor& weight, const Tensor& out_bounds, int64_t wrap,
                                            int64_t stride, bool in_tiles) {
    const Convolution shape = shape_of(z, weight, wrap, stride);
    Tensor out = empty_images(shape.images, shape.outputs, shape.out_rows(), shape.out_columns());
    Tensor moments = torch::empty({3, shape.outputs}), peaks = torch::empty({shape.images});
    const auto by = in_tiles && kernels::fits_tiles(shape, false) ? kernels::convolve_in_tiles : kernels::convolve;
    by(shape, values(z), curve_of(coefficients, bounds, shape.inputs), values(weight),
       watch_of(out_bounds, shape.outputs), at::get_num_threads(), results(out), results(moments), results(peaks));
    return {out, peaks, moments};
}

// (dz, d_curve [5, inputs]: of a, b, c, low and high, d_weight); the first two are empty unless wanted.
std::tuple<Tensor, Tensor, Tensor> convolve_gradient(const Tensor& d_out, const Tensor& d_moments,
                                                     const Tensor& d_peaks, const Tensor& out, const Tensor& out_bounds,
                                                     const Tensor& z, const Tensor& coefficients, const Tensor& bounds,
                                                     const Tensor& weight, int64_t wrap, int64_t stride,
                                                     bool wants_input, bool in_tiles) {
    const Convolution shape = shape_of(z, weight, wrap, stride);
    check_images(d_out, "gradient");
    check_images(out, "output");
    TORCH_CHECK(d_out.sizes() == out.sizes() && out.size(0) == shape.images && out.size(1) == shape.outputs &&
                    out.size(2) == shape.out_rows() && out.size(3) == shape.out_columns(),
                "gradient of shape ", d_out.sizes(), " for an output of shape ", out.sizes());
    Tensor dz, d_curve, d_weight = torch::empty_like(weight);
    if (wants_input) {
        check_channels(shape.inputs);
        dz = empty_images(shape.images, shape.inputs, shape.rows, shape.columns);
        d_curve = torch::empty({kernels::kCurveSums, shape.inputs});
    }
    const auto by = in_tiles && kernels::fits_tiles(shape, wants_input) ? kernels::convolve_gradient_in_tiles
                                                                        : kernels::convolve_gradient;
    by(shape, values(d_out), moments_of(d_moments, d_peaks, shape.images, shape.outputs), values(d_peaks), values(out),
       watch_of(out_bounds, shape.outputs), values(z), curve_of(coefficients, bounds, shape.inputs), values(weight),
       at::get_num_threads(), wants_input ? results(dz) : nullptr, wants_input ? results(d_curve) : nullptr,
       results(d_weight));
    return {dz, d_curve, d_weight};
}

void check_pair(const Tensor& z, const Tensor& skip) {
    check_images(z, "input");
    check_images(skip, "skip");
    TORCH_CHECK(z.sizes() == skip.sizes(), "cannot add ", skip.sizes(), " to ", z.sizes());
    check_channels(z.size(1));
}

// (v, peaks [N], moments [3, C]).
std::tuple<Tensor, Tensor, Tensor> combine(const Tensor& z, const Tensor& coefficients, const Tensor& bounds,
                                           const Tensor& skip, const Tensor& skip_coefficients,
                                           const Tensor& skip_bounds, const Tensor& out_bounds) {
    check_pair(z, skip);
    const int64_t images = z.size(0), channels = z.size(1);
    Tensor v = torch::empty_like(z), moments = torch::empty({3, channels}), peaks = torch::empty({images});
    kernels::combine(images, z.size(2) * z.size(3), channels, values(z), curve_of(coefficients, bounds, channels),
                     values(skip), curve_of(skip_coefficients, skip_bounds, channels), watch_of(out_bounds, channels),
                     at::get_num_threads(), results(v), results(moments), results(peaks));
    return {v, peaks, moments};
}

// (dz, d_curve, d_skip, d_skip_curve), curves' as above.
std::tuple<Tensor, Tensor, Tensor, Tensor> combine_gradient(const Tensor& dv, const Tensor& d_moments,
                                                            const Tensor& d_peaks, const Tensor& v,
                                                            const Tensor& out_bounds, const Tensor& z,
                                                            const Tensor& coefficients, const Tensor& bounds,
                                                            const Tensor& skip, const Tensor& skip_coefficients,
                                                            const Tensor& skip_bounds) {
    check_pair(z, skip);
    check_pair(dv, v);
    TORCH_CHECK(v.sizes() == z.sizes(), "gradient of shape ", v.sizes(), " for values of shape ", z.sizes());
    const int64_t images = z.size(0), channels = z.size(1);
    Tensor dz = torch::empty_like(z), d_skip = torch::empty_like(skip),
           d_first = torch::empty({kernels::kCurveSums, channels}),
           d_second = torch::empty({kernels::kCurveSums, channels});
    kernels::combine_gradient(images, z.size(2) * z.size(3), channels, values(dv),
                              moments_of(d_moments, d_peaks, images, channels), values(d_peaks), values(v),
                              watch_of(out_bounds, channels), values(z), curve_of(coefficients, bounds, channels),
                              values(skip), curve_of(skip_coefficients, skip_bounds, channels), at::get_num_threads(),
                              results(dz), results(d_first), results(d_skip), results(d_second));
    return {dz, d_first, d_skip, d_second};
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
    module.def("tiles_available", &kernels::tiles_available);
    module.def("convolve", &convolve);
    module.def("convolve_gradient", &convolve_gradient);
    module.def("combine", &combine);
    module.def("combine_gradient", &combine_gradient);
}
