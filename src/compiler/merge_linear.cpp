#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "compiler/constants.hpp"
#include "compiler/passes.hpp"

namespace obscura::compiler {
namespace {

const plan::Tap centre{0, 0};
/// Largest integer weight of a layer that is kept as it is (poolings have ones).
constexpr double largest_kept_weight = 127;

/// A shift of the outer convolution moves the inner one's centre by a fixed offset only if the inner one keeps the
/// size; and layers have stride 1 or 2. If both leave the image, they have to go round it in the same, cyclic way.
bool composable(const Term& outer, const Node& inner) {
    const bool outer_inside = plan::stays_inside(outer.taps, outer.stride);
    if (!outer_inside && !inner.borders.empty()) return false;
    return std::all_of(inner.terms.begin(), inner.terms.end(), [&](const Term& term) {
        const bool centred = outer.taps == std::vector{centre};
        const bool cyclic = outer.padding != plan::Padding::zeros && outer.padding == term.padding;
        return (term.stride == 1 || centred) && outer.stride * term.stride <= 2 &&
               (cyclic || outer_inside || term.taps == std::vector{centre});
    });
}

/// outer after inner: the tap offsets add up (those of `outer` count pixels of the same image, see composable).
Term compose(const Term& outer, int out_channels, const Term& inner) {
    Term result{inner.source, inner.channels, outer.stride * inner.stride, {}, {}};
    result.padding = plan::stays_inside(outer.taps, outer.stride) ? inner.padding : outer.padding;
    for (const plan::Tap& o : outer.taps)
        for (const plan::Tap& i : inner.taps) {
            const plan::Tap tap{o.dy + i.dy, o.dx + i.dx};
            if (std::find(result.taps.begin(), result.taps.end(), tap) == result.taps.end()) result.taps.push_back(tap);
        }
    const auto tap_index = [&](plan::Tap tap) {
        return static_cast<std::size_t>(std::find(result.taps.begin(), result.taps.end(), tap) - result.taps.begin());
    };
    const auto inputs = static_cast<std::size_t>(inner.channels);
    const auto middles = static_cast<std::size_t>(outer.channels);
    const std::size_t row = result.taps.size() * inputs;
    result.weights.assign(static_cast<std::size_t>(out_channels) * row, 0.0);

    // Most inner or outer terms are diagonal: skip the zeros of both.
    struct Entry {
        std::size_t tap;
        std::size_t channel;
        double weight;
    };
    std::vector<std::vector<Entry>> inner_rows(middles);
    for (std::size_t m = 0; m < middles; ++m)
        for (std::size_t t = 0; t < inner.taps.size(); ++t)
            for (std::size_t c = 0; c < inputs; ++c) {
                const double weight = inner.weights[(m * inner.taps.size() + t) * inputs + c];
                if (weight != 0) inner_rows[m].push_back({t, c, weight});
            }
    for (std::size_t t = 0; t < outer.taps.size(); ++t) {
        std::vector<std::size_t> taps;
        for (const plan::Tap& i : inner.taps)
            taps.push_back(tap_index({outer.taps[t].dy + i.dy, outer.taps[t].dx + i.dx}));
        for (std::size_t o = 0; o < static_cast<std::size_t>(out_channels); ++o)
            for (std::size_t m = 0; m < middles; ++m) {
                const double weight = outer.weights[(o * outer.taps.size() + t) * middles + m];
                if (weight == 0) continue;
                for (const Entry& entry : inner_rows[m])
                    result.weights[o * row + taps[entry.tap] * inputs + entry.channel] += weight * entry.weight;
            }
    }
    return result;
}

/// Can two terms be one? Padding does not matter to a term that stays inside of the image.
bool same_pixels(const Term& a, const Term& b) {
    return a.source == b.source && a.stride == b.stride &&
           (a.padding == b.padding || plan::stays_inside(a.taps, a.stride) || plan::stays_inside(b.taps, b.stride));
}

/// Adds a term to a node, into an existing term if that reads the same pixels.
void accumulate(Node& node, Term term) {
    const auto same =
        std::find_if(node.terms.begin(), node.terms.end(), [&](const Term& other) { return same_pixels(other, term); });
    if (same == node.terms.end()) {
        node.terms.push_back(std::move(term));
        return;
    }
    Term joined{term.source, term.channels, term.stride, same->taps, {}};
    joined.padding = plan::stays_inside(term.taps, term.stride) ? same->padding : term.padding;
    for (const plan::Tap& tap : term.taps)
        if (std::find(joined.taps.begin(), joined.taps.end(), tap) == joined.taps.end()) joined.taps.push_back(tap);
    const auto channels = static_cast<std::size_t>(term.channels);
    const std::size_t row = joined.taps.size() * channels;
    joined.weights.assign(static_cast<std::size_t>(node.channels) * row, 0.0);
    for (const Term* part : std::initializer_list<const Term*>{&*same, &term})
        for (std::size_t t = 0; t < part->taps.size(); ++t) {
            const auto at = std::find(joined.taps.begin(), joined.taps.end(), part->taps[t]) - joined.taps.begin();
            for (std::size_t o = 0; o < static_cast<std::size_t>(node.channels); ++o)
                for (std::size_t c = 0; c < channels; ++c)
                    joined.weights[o * row + static_cast<std::size_t>(at) * channels + c] +=
                        part->weights[(o * part->taps.size() + t) * channels + c];
        }
    *same = std::move(joined);
}

/// Weights of one tap of `outer` times a vector of its channels.
std::vector<double> apply(const Term& outer, std::size_t tap, const std::vector<double>& vector) {
    const std::size_t channels = vector.size(), row = outer.taps.size() * channels;
    std::vector<double> result(outer.weights.size() / row);
    for (std::size_t o = 0; o < result.size(); ++o)
        for (std::size_t c = 0; c < channels; ++c) result[o] += outer.weights[o * row + tap * channels + c] * vector[c];
    return result;
}

/// Adds `outer` applied to the linear node `inner`, constants included.
void accumulate_composed(Node& node, const Term& outer, const Node& inner) {
    for (const Term& term : inner.terms) accumulate(node, compose(outer, node.channels, term));
    Constants constants{node.bias, node.borders};
    for (std::size_t t = 0; t < outer.taps.size(); ++t) {
        const plan::Tap tap = outer.taps[t];
        constants.add_inside(outer.padding, outer.stride, tap, apply(outer, t, inner.bias));
        for (const plan::Border& border : inner.borders)
            constants.add_outside(outer.stride * border.stride, {tap.dy + border.tap.dy, tap.dx + border.tap.dx},
                                  apply(outer, t, border.shift));
    }
}

class Pass {
  public:
    explicit Pass(const Graph& graph) : graph_(graph) {}

    Graph run() {
        const std::vector<bool> needed = reachable(graph_, graph_.output);
        for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i) {
            renamed_.push_back(-1);
            if (!needed[static_cast<std::size_t>(i)]) continue;
            Node node = graph_.node(i);
            if (node.op == Op::linear) node = merged(node);
            if (node.left >= 0) node.left = renamed_[static_cast<std::size_t>(node.left)];
            if (node.right >= 0) node.right = renamed_[static_cast<std::size_t>(node.right)];
            renamed_.back() = result_.add(std::move(node));
        }
        result_.output = renamed_[static_cast<std::size_t>(graph_.output)];
        return std::move(result_);
    }

  private:
    Node merged(const Node& node) {
        Node result = node;
        result.terms.clear();
        for (Term term : node.terms) {
            term.source = renamed_[static_cast<std::size_t>(term.source)];
            if (result_.node(term.source).op != Op::linear) {
                accumulate(result, std::move(term));
                continue;
            }
            if (!composable(term, result_.node(term.source))) term.source = split(term.source, node.name);
            accumulate_composed(result, term, Node(result_.node(term.source)));
        }
        return result;
    }

    /// Writes a linear node as (channel scale and shift) of an integer layer; returns the former's index.
    int split(int index, const std::string& consumer) {
        const Node node = result_.node(index);
        const auto fail = [&] {
            throw Error(ErrorCode::unsupported,
                        fmt::format("{} reads {} without an activation between them, and the two cannot be made one "
                                    "layer; put a quadratic activation between them",
                                    consumer, node.name));
        };
        if (node.terms.size() != 1 || !node.borders.empty()) fail();
        Term integers = node.terms.front();
        const auto channels = static_cast<std::size_t>(integers.channels);
        const std::size_t row = integers.taps.size() * channels;
        std::vector<double> scale(static_cast<std::size_t>(node.channels), 1.0);
        for (std::size_t o = 0; o < scale.size(); ++o) {
            double smallest = 0;
            for (std::size_t k = 0; k < row; ++k) {
                const double weight = integers.weights[o * row + k];
                if (weight == 0) continue;
                if (k % channels != o) fail();
                if (smallest == 0 || std::abs(weight) < smallest) smallest = std::abs(weight);
            }
            if (smallest == 0) continue;
            scale[o] = smallest;
            for (std::size_t k = 0; k < row; ++k) {
                double& weight = integers.weights[o * row + k];
                const double rounded = std::round(weight / smallest);
                if (std::abs(weight / smallest - rounded) > 1e-6 || std::abs(rounded) > largest_kept_weight) fail();
                weight = rounded;
            }
        }
        Node whole = node;
        whole.terms = {std::move(integers)};
        whole.bias.assign(node.bias.size(), 0.0);
        // The integer layer must not be composed again, so it stands behind its own scaling, which is what is returned.
        const int kept = result_.add(std::move(whole));
        return result_.add(channel_affine(result_, kept, scale, node.bias, node.name));
    }

    const Graph& graph_;
    std::vector<int> renamed_;
    Graph result_;
};

}  // namespace

Graph merge_linear(const Graph& graph) {
    return Pass(graph).run();
}

}  // namespace obscura::compiler
