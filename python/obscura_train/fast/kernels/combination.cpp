#include "combination.hpp"

#include <algorithm>
#include <vector>

namespace kernels {

void combine(int64_t images, int64_t pixels, int64_t channels, const float* z, const Curve& first, const float* skip,
             const Curve& second, const Watch& watch, int threads, float* v, float* moments, float* peaks) {
    const int64_t values = pixels * channels;
    std::vector<float> sums(images * kMoments * channels), largest(images * channels);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> other(values);
#pragma omp for schedule(dynamic)
        for (int64_t n = 0; n < images; ++n) {
            float* image = v + n * values;
            apply_curve(z + n * values, first, pixels, channels, image);
            apply_curve(skip + n * values, second, pixels, channels, other.data());
            for (int64_t i = 0; i < values; ++i) image[i] += other[i];
            note_moments(image, watch, pixels, channels, sums.data() + n * kMoments * channels,
                         largest.data() + n * channels);
        }
    }
    sum_over_images(sums, kMoments * channels, 1.0 / static_cast<double>(images * pixels), moments);
    note_peaks(largest, watch, images, channels, peaks);
}

void combine_gradient(int64_t images, int64_t pixels, int64_t channels, const float* dv, const WatchGradient& moments,
                      const float* d_peaks, const float* v, const Watch& watch, const float* z, const Curve& first,
                      const float* skip, const Curve& second, int threads, float* dz, float* d_first, float* d_skip,
                      float* d_second) {
    const int64_t values = pixels * channels;
    std::vector<float> first_sums(images * kCurveSums * channels), second_sums(images * kCurveSums * channels);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> gradient(values);
#pragma omp for schedule(dynamic)
        for (int64_t n = 0; n < images; ++n) {
            std::copy_n(dv + n * values, values, gradient.data());
            WatchGradient noted = moments;
            noted.peak = d_peaks[n];
            add_watch_gradient(v + n * values, watch, noted, pixels, channels, gradient.data());
            curve_gradient(gradient.data(), z + n * values, first, pixels, channels, dz + n * values,
                           first_sums.data() + n * kCurveSums * channels);
            curve_gradient(gradient.data(), skip + n * values, second, pixels, channels, d_skip + n * values,
                           second_sums.data() + n * kCurveSums * channels);
        }
    }
    sum_over_images(first_sums, kCurveSums * channels, 1, d_first);
    sum_over_images(second_sums, kCurveSums * channels, 1, d_second);
}

}  // namespace kernels
