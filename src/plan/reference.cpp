#include "plan/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/error.hpp"
#include "plan/matrix_product.hpp"

namespace obscura::plan {
namespace {

struct Shape {
    int channels = 0;
    int height = 0;
    int width = 0;
    int pixels() const { return height * width; }
};

/// Raster offset of a tap, the representative of smallest size mod H*W.
int raster_offset(const Shape& shape, Tap tap) {
    const int pixels = shape.pixels();
    int offset = (tap.dy * shape.width + tap.dx) % pixels;
    if (offset > pixels / 2) offset -= pixels;
    if (offset < -pixels / 2) offset += pixels;
    return offset;
}

/// Whether a tap's pixels follow one another in the source, which is continued in raster order.
bool is_contiguous(const RealOperand& operand, Tap tap) {
    if (operand.stride != 1) return false;
    const bool same_columns = tap.dx == 0 && operand.padding != Padding::zeros;
    return same_columns || operand.padding == Padding::raster || stays_inside(tap, operand.stride);
}

/// What a tap of stride 1 reads of a cyclically padded channel, row by row.
void copy_shifted(const float* x, const Shape& shape, Tap tap, int wrap, float* out) {
    for (int y = 0; y < shape.height; ++y)
        for (int done = 0; done < shape.width;) {
            const int from = cyclic_pixel(y + tap.dy, done + tap.dx, shape.height, shape.width, wrap);
            const int count = std::min(shape.width - done, shape.width - from % shape.width);
            out = std::copy_n(x + from, count, out);
            done += count;
        }
}

/// A tensor [channels][margin + pixels + margin], the margins continuing the pixels cyclically, so that the shifted
/// image of any tap is a contiguous run.
struct Tensor {
    Shape shape;
    int margin = 0;
    std::vector<float> data;

    std::size_t stride() const { return static_cast<std::size_t>(shape.pixels() + 2 * margin); }
    float* channel(int c) { return data.data() + static_cast<std::size_t>(c) * stride() + margin; }
    const float* channel(int c) const { return data.data() + static_cast<std::size_t>(c) * stride() + margin; }
    void close_margins() {
        const int pixels = shape.pixels();
        for (int c = 0; c < shape.channels; ++c) {
            float* x = channel(c);
            std::copy(x + pixels - margin, x + pixels, x - margin);
            std::copy(x, x + margin, x + pixels);
        }
    }
};

/// The pixel that a tap reads for every output pixel; -1 where that is a zero.
void find_places(const RealOperand& operand, Tap tap, const RealLayer& layer, const Shape& source,
                 std::vector<int>& places) {
    places.clear();
    for (int y = 0; y < layer.height; ++y)
        for (int x = 0; x < layer.width; ++x) {
            const bool zero =
                operand.padding == Padding::zeros && !is_inside(tap, operand.stride, y, x, layer.height, layer.width);
            places.push_back(zero ? -1
                                  : cyclic_pixel(operand.stride * y + tap.dy, operand.stride * x + tap.dx,
                                                 source.height, source.width, operand.padding.wrap));
        }
}

struct Workspace {
    std::vector<Tensor> tensors;  ///< input, then every layer's output
    std::vector<float> gathered;  ///< rows that do not follow one another in the source
    std::vector<int> places;      ///< of such a row's pixels
    std::vector<const float*> rows;
    std::vector<float> z;
};

}  // namespace

struct PlainNetwork::State {
    RealNetwork network;  ///< weights moved into `matrices`
    std::vector<PackedMatrix> matrices;
    std::vector<Shape> shapes;  ///< input, then every layer's output
    std::vector<int> margins;
    std::vector<std::vector<std::vector<int>>> outside;  ///< [layer][border] pixels
    std::size_t largest_gather = 0;

    Workspace workspace() const {
        Workspace w;
        for (std::size_t i = 0; i < shapes.size(); ++i) {
            Tensor tensor{shapes[i], margins[i], {}};
            tensor.data.resize(tensor.stride() * static_cast<std::size_t>(shapes[i].channels));
            w.tensors.push_back(std::move(tensor));
        }
        w.gathered.resize(largest_gather);
        return w;
    }

    /// Pointers to the rows of the layer's matrix product, gathering what is not contiguous.
    void collect_rows(const RealLayer& layer, Workspace& w) const {
        w.rows.clear();
        float* free = w.gathered.data();
        for (const RealOperand& operand : layer.operands) {
            const Tensor& source = w.tensors[static_cast<std::size_t>(operand.source + 1)];
            for (const Tap& tap : operand.taps) {
                const bool contiguous = is_contiguous(operand, tap);
                const bool shifted = operand.stride == 1 && operand.padding != Padding::zeros;
                if (!contiguous && !shifted) find_places(operand, tap, layer, source.shape, w.places);
                for (int c = 0; c < operand.channels; ++c) {
                    const float* x = source.channel(c);
                    if (contiguous) {
                        w.rows.push_back(x + raster_offset(source.shape, tap));
                        continue;
                    }
                    w.rows.push_back(free);
                    if (shifted)
                        copy_shifted(x, source.shape, tap, operand.padding.wrap, free);
                    else
                        std::transform(w.places.begin(), w.places.end(), free,
                                       [&](int place) { return place < 0 ? 0.0F : x[place]; });
                    free += layer.height * layer.width;
                }
            }
        }
    }

    void run(const io::Images& images, int image, int worker, Workspace& w, const LayerHook& hook,
             std::span<float> scores) const {
        load(images, image, w.tensors.front());
        for (std::size_t i = 0; i < network.layers.size(); ++i) {
            const RealLayer& layer = network.layers[i];
            const int pixels = layer.height * layer.width;
            collect_rows(layer, w);
            w.z.resize(static_cast<std::size_t>(layer.out_channels * pixels));
            const bool head = layer.finish == Finish::head;
            multiply(matrices[i], w.rows, pixels, head ? std::span<const double>{} : layer.bias, w.z);
            if (head) {
                for (int o = 0; o < layer.out_channels; ++o) {
                    double sum = layer.bias[static_cast<std::size_t>(o)];
                    for (int p = 0; p < pixels; ++p) sum += w.z[static_cast<std::size_t>(o * pixels + p)];
                    scores[static_cast<std::size_t>(o)] = static_cast<float>(sum);
                }
                return;
            }
            const bool square = layer.finish == Finish::square;
            for (std::size_t b = 0; b < layer.borders.size(); ++b)
                for (int o = 0; o < layer.out_channels; ++o)
                    for (const int p : outside[i][b])
                        w.z[static_cast<std::size_t>(o * pixels + p)] +=
                            static_cast<float>(layer.borders[b].shift[static_cast<std::size_t>(o)]);
            if (hook) hook(image, worker, static_cast<int>(i), w.z);
            Tensor& output = w.tensors[i + 1];
            for (int o = 0; o < layer.out_channels; ++o) {
                const float* z = w.z.data() + static_cast<std::size_t>(o) * static_cast<std::size_t>(pixels);
                float* u = output.channel(o);
                for (int p = 0; p < pixels; ++p) u[p] = square ? z[p] * z[p] : z[p];
            }
            output.close_margins();
        }
    }

    void load(const io::Images& images, int image, Tensor& tensor) const {
        const auto& input = network.input;
        const int pixels = input.height * input.width;
        const std::uint8_t* pixel =
            images.pixels.data() + static_cast<std::size_t>(image) * static_cast<std::size_t>(pixels * input.channels);
        for (int c = 0; c < input.channels; ++c) {
            const auto k = static_cast<std::size_t>(c);
            float* x = tensor.channel(c);
            for (int p = 0; p < pixels; ++p)
                x[p] = static_cast<float>((pixel[p * input.channels + c] - input.mean[k]) * input.factor[k]);
        }
        tensor.close_margins();
    }
};

PlainNetwork::PlainNetwork(const RealNetwork& network) : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.network = network;
    state.shapes.push_back({network.input.channels, network.input.height, network.input.width});
    state.margins.push_back(0);
    for (RealLayer& layer : state.network.layers) {
        std::size_t gather = 0;
        std::vector<PackedMatrix::Part> parts;
        for (RealOperand& operand : layer.operands) {
            const auto source = static_cast<std::size_t>(operand.source + 1);
            const Shape& shape = state.shapes[source];
            assert(shape.channels == operand.channels);
            assert(shape.height == operand.stride * layer.height && shape.width == operand.stride * layer.width);
            for (const Tap& tap : operand.taps)
                if (is_contiguous(operand, tap))
                    state.margins[source] = std::max(state.margins[source], std::abs(raster_offset(shape, tap)));
            const std::size_t columns = operand.taps.size() * static_cast<std::size_t>(operand.channels);
            for (const Tap& tap : operand.taps)
                if (!is_contiguous(operand, tap))
                    gather += static_cast<std::size_t>(operand.channels * layer.height * layer.width);
            parts.push_back({columns, std::move(operand.weights)});
        }
        state.largest_gather = std::max(state.largest_gather, gather);
        state.matrices.emplace_back(layer.out_channels, parts);
        state.shapes.push_back({layer.out_channels, layer.height, layer.width});
        state.margins.push_back(0);
        auto& outside = state.outside.emplace_back();
        for (const Border& border : layer.borders)
            outside.push_back(outside_pixels(border.tap, border.stride, layer.height, layer.width));
    }
}

PlainNetwork::~PlainNetwork() = default;

int PlainNetwork::classes() const {
    return state_->network.layers.back().out_channels;
}

std::vector<float> PlainNetwork::scores(const io::Images& images, ThreadPool& pool, const LayerHook& hook) const {
    check_shape(state_->network.input, images);
    const auto width = static_cast<std::size_t>(classes());
    std::vector<float> result(static_cast<std::size_t>(images.count) * width);
    std::vector<Workspace> workspaces(static_cast<std::size_t>(pool.size()));
    for (Workspace& workspace : workspaces) workspace = state_->workspace();
    pool.parallel_for(images.count, [&](std::int64_t image, int worker) {
        const std::span<float> scores(result.data() + static_cast<std::size_t>(image) * width, width);
        state_->run(images, static_cast<int>(image), worker, workspaces[static_cast<std::size_t>(worker)], hook,
                    scores);
    });
    return result;
}

std::vector<int> best_classes(std::span<const float> scores, int classes) {
    std::vector<int> best;
    for (auto row = scores.begin(); row != scores.end(); row += classes)
        best.push_back(static_cast<int>(std::max_element(row, row + classes) - row));
    return best;
}

void check_shape(const InputEncoding& input, const io::Images& images) {
    if (images.channels != input.channels || images.height != input.height || images.width != input.width)
        throw Error(
            ErrorCode::format,
            fmt::format("images of {}x{} pixels and {} channels, the network takes {}x{} and {}; resize or "
                        "convert the images first",
                        images.height, images.width, images.channels, input.height, input.width, input.channels));
}

}  // namespace obscura::plan
