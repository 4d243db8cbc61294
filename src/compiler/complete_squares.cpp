#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "compiler/passes.hpp"

namespace obscura::compiler {
namespace {

using Channels = std::vector<double>;

/// A node as a polynomial of an earlier node, channel by channel: a base^2 + b base + c.
struct Quadratic {
    int base = -1;
    Channels a;
    Channels b;
    Channels c;

    bool square() const {
        return std::any_of(a.begin(), a.end(), [](double x) { return x != 0; });
    }
};

Quadratic itself(const Graph& graph, int index) {
    const auto channels = static_cast<std::size_t>(graph.node(index).channels);
    return {index, Channels(channels, 0.0), Channels(channels, 1.0), Channels(channels, 0.0)};
}

/// A sum of scaled polynomials of one base is a polynomial of that base; any other linear node is a base of its own.
Quadratic of_linear(const Graph& graph, int index, const std::vector<Quadratic>& known) {
    const Node& node = graph.node(index);
    const auto of = [&](const Term& term) -> const Quadratic& { return known[static_cast<std::size_t>(term.source)]; };
    for (const Term& term : node.terms)
        if (!is_channel_scale(term, node.channels) || of(term).base != of(node.terms.front()).base)
            return itself(graph, index);
    if (node.terms.empty()) return itself(graph, index);
    const auto channels = static_cast<std::size_t>(node.channels);
    Quadratic sum{of(node.terms.front()).base, Channels(channels), Channels(channels), node.bias};
    for (const Term& term : node.terms)
        for (std::size_t i = 0; i < channels; ++i) {
            const double scale = term.weights[i * channels + i];
            sum.a[i] += scale * of(term).a[i];
            sum.b[i] += scale * of(term).b[i];
            sum.c[i] += scale * of(term).c[i];
        }
    return sum;
}

class Pass {
  public:
    explicit Pass(const Graph& graph) : graph_(graph) {
        for (int i = 0; i < static_cast<int>(graph.nodes.size()); ++i) known_.push_back(polynomial(i));
    }

    Graph run() {
        const std::vector<bool> needed = find_needed();
        for (int i = 0; i <= graph_.output; ++i) {
            const auto k = static_cast<std::size_t>(i);
            renamed_.push_back(-1);
            if (!needed[k]) continue;
            if (graph_.node(i).op == Op::multiply && !known_[k].square())
                problems_ += fmt::format(
                    "\n  {}: product of two different tensors; only quadratic polynomials of one "
                    "tensor can be activations",
                    graph_.node(i).name);
            renamed_[k] = known_[k].square() ? add_square(i) : copy(graph_.node(i));
        }
        if (!problems_.empty())
            throw Error(ErrorCode::unsupported, "the network cannot be written with squares:" + problems_);
        result_.output = renamed_[static_cast<std::size_t>(graph_.output)];
        return std::move(result_);
    }

  private:
    /// As a polynomial of degree one, taking higher ones as a new base.
    Quadratic affine(int index) const {
        const Quadratic& known = known_[static_cast<std::size_t>(index)];
        return known.square() ? itself(graph_, index) : known;
    }

    Quadratic polynomial(int index) const {
        const Node& node = graph_.node(index);
        if (node.op == Op::linear) return of_linear(graph_, index, known_);
        if (node.op != Op::multiply && node.op != Op::square) return itself(graph_, index);
        const Quadratic x = affine(node.left);
        const Quadratic y = affine(node.op == Op::square ? node.left : node.right);
        Quadratic product = itself(graph_, index);
        if (x.base != y.base) return product;
        product.base = x.base;
        for (std::size_t i = 0; i < product.a.size(); ++i) {
            product.a[i] = x.b[i] * y.b[i];
            product.b[i] = x.b[i] * y.c[i] + x.c[i] * y.b[i];
            product.c[i] = x.c[i] * y.c[i];
        }
        return product;
    }

    std::vector<bool> find_needed() const {
        std::vector<bool> needed(graph_.nodes.size());
        needed[static_cast<std::size_t>(graph_.output)] = true;
        for (int i = graph_.output; i >= 0; --i) {
            const auto k = static_cast<std::size_t>(i);
            if (!needed[k]) continue;
            if (known_[k].square()) {
                needed[static_cast<std::size_t>(known_[k].base)] = true;
                continue;
            }
            for (const int source : sources(graph_.node(i))) needed[static_cast<std::size_t>(source)] = true;
        }
        return needed;
    }

    int copy(Node node) {
        const auto rename = [&](int& index) { index = renamed_[static_cast<std::size_t>(index)]; };
        for (Term& term : node.terms) rename(term.source);
        if (node.left >= 0) rename(node.left);
        if (node.right >= 0) rename(node.right);
        return result_.add(std::move(node));
    }

    int add_square(int index) {
        const Quadratic& q = known_[static_cast<std::size_t>(index)];
        const std::string& name = graph_.node(q.base).name;
        const std::size_t channels = q.a.size();
        Channels one(channels, 1.0);
        Channels shift(channels);
        Channels rest(channels);
        for (std::size_t i = 0; i < channels; ++i) {
            if (q.a[i] == 0 && q.b[i] != 0)
                problems_ += fmt::format(
                    "\n  {}, channel {}: the activation has no square term; retrain, or replace "
                    "the activation by a quadratic one",
                    graph_.node(index).name, i);
            // A channel with neither square nor linear part is the constant c: its square is multiplied by zero.
            shift[i] = q.a[i] == 0 ? 0 : q.b[i] / (2 * q.a[i]);
            rest[i] = q.c[i] - q.a[i] * shift[i] * shift[i];
        }
        const int base = renamed_[static_cast<std::size_t>(q.base)];
        const int v = result_.add(channel_affine(result_, base, one, shift, name));
        const Node& shape = result_.node(v);
        Node square{Op::square, name, shape.channels, shape.height, shape.width, {}, {}, v};
        const int u = result_.add(std::move(square));
        return result_.add(channel_affine(result_, u, q.a, rest, name));
    }

    const Graph& graph_;
    std::vector<Quadratic> known_;
    std::vector<int> renamed_;
    std::string problems_;
    Graph result_;
};

}  // namespace

Graph complete_squares(const Graph& graph) {
    return Pass(graph).run();
}

}  // namespace obscura::compiler
