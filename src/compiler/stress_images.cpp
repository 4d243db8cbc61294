#include "compiler/stress_images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>

#include "compiler/calibration.hpp"
#include "plan/reference.hpp"

namespace obscura::compiler {
namespace {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    int below(int bound) { return static_cast<int>(engine_() % static_cast<unsigned>(bound)); }
    bool coin() { return below(2) == 1; }
    double between(double low, double high) { return low + (high - low) * std::ldexp(engine_(), -64); }
    double normal() { return normal_(engine_); }
    std::uint8_t extreme() { return coin() ? 255 : 0; }

  private:
    std::mt19937_64 engine_;
    std::normal_distribution<double> normal_;
};

/// One image, channels interleaved.
struct Canvas {
    int height = 0;
    int width = 0;
    int channels = 0;
    std::span<std::uint8_t> pixels;

    /// Sets every value to value(y, x, channel).
    template <typename Value>
    void paint(const Value& value) const {
        std::size_t i = 0;
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x)
                for (int c = 0; c < channels; ++c) pixels[i++] = value(y, x, c);
    }
};

std::uint8_t grey(double value) {
    return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
}

/// One colour; half of them with every channel at 0 or 255.
void constant(const Canvas& canvas, Random& random) {
    const bool extreme = random.coin();
    std::vector<std::uint8_t> colour;
    for (int c = 0; c < canvas.channels; ++c)
        colour.push_back(extreme ? random.extreme() : static_cast<std::uint8_t>(random.below(256)));
    canvas.paint([&](int, int, int c) { return colour[static_cast<std::size_t>(c)]; });
}

void uniform_noise(const Canvas& canvas, Random& random) {
    canvas.paint([&](int, int, int) { return static_cast<std::uint8_t>(random.below(256)); });
}

/// Every value 0 or 255; in half of the images all channels agree.
void binary_noise(const Canvas& canvas, Random& random) {
    const bool colour = random.coin();
    std::uint8_t value = 0;
    canvas.paint([&](int, int, int c) {
        if (colour || c == 0) value = random.extreme();
        return value;
    });
}

/// Around mid-grey, with deviations of 10 to 120.
void gaussian_noise(const Canvas& canvas, Random& random) {
    const double deviation = random.between(10, 120);
    canvas.paint([&](int, int, int) { return grey(128 + deviation * random.normal()); });
}

/// Squares of 2, 4, 8 or 16 pixels with every channel 0 or 255.
void blocks(const Canvas& canvas, Random& random) {
    const int side = 2 << random.below(4);
    const int columns = (canvas.width + side - 1) / side;
    const int rows = (canvas.height + side - 1) / side;
    std::vector<std::uint8_t> cells(static_cast<std::size_t>(rows * columns * canvas.channels));
    for (std::uint8_t& cell : cells) cell = random.extreme();
    canvas.paint([&](int y, int x, int c) {
        return cells[static_cast<std::size_t>((y / side * columns + x / side) * canvas.channels + c)];
    });
}

/// Black and white rows, columns or checks of a period of 1 to 8 pixels.
void stripes(const Canvas& canvas, Random& random) {
    const int period = 1 + random.below(8);
    const int kind = random.below(3);
    const int along_y = kind == 1 ? 0 : 1;
    const int along_x = kind == 0 ? 0 : 1;
    canvas.paint(
        [&](int y, int x, int) { return static_cast<std::uint8_t>((y * along_y + x * along_x) / period % 2 * 255); });
}

/// A real image with the contrast raised 1.5 to 6 times, or every value at 0 or 255, or inverted.
void extreme_contrast(const Canvas& canvas, Random& random) {
    const int kind = random.below(3);
    const double gain = random.between(1.5, 6);
    for (std::uint8_t& pixel : canvas.pixels) {
        const double centred = pixel - 128.0;
        const double values[] = {centred > 0 ? 255.0 : 0.0, centred * gain + 128, 127 - centred};
        pixel = grey(values[kind]);
    }
}

using Paint = void (*)(const Canvas&, Random&);

void paint_all(io::Images& images, Paint paint, Random& random) {
    const std::size_t size = static_cast<std::size_t>(images.height) * static_cast<std::size_t>(images.width) *
                             static_cast<std::size_t>(images.channels);
    for (std::size_t i = 0; i < static_cast<std::size_t>(images.count); ++i)
        paint({images.height, images.width, images.channels, std::span(images.pixels).subspan(i * size, size)}, random);
}

}  // namespace

std::vector<StressFamily> stress_families(const plan::InputEncoding& input, const io::Images& real, int count,
                                          std::uint64_t seed) {
    constexpr int rolls = 3;
    constexpr std::pair<const char*, Paint> synthetic[] = {{"constant", constant},
                                                           {"uniform noise", uniform_noise},
                                                           {"binary noise", binary_noise},
                                                           {"gaussian noise", gaussian_noise},
                                                           {"blocks", blocks},
                                                           {"stripes", stripes}};
    Random random(seed);
    std::vector<StressFamily> families;
    if (real.count > 0) {
        plan::check_shape(input, real);
        families.push_back({"real", real});
        for (int rows = 1; rows <= rolls; ++rows)
            families.push_back(
                {fmt::format("rolled by {:+d} rows", rows), rolled(real, input.height - rows % input.height)});
        families.push_back({"extreme contrast", first_images(real, count)});
        paint_all(families.back().images, extreme_contrast, random);
    }
    const std::size_t size = static_cast<std::size_t>(count) * static_cast<std::size_t>(input.height) *
                             static_cast<std::size_t>(input.width) * static_cast<std::size_t>(input.channels);
    for (const auto& [name, paint] : synthetic) {
        families.push_back(
            {name, {count, input.height, input.width, input.channels, std::vector<std::uint8_t>(size), {}}});
        paint_all(families.back().images, paint, random);
    }
    return families;
}

}  // namespace obscura::compiler
