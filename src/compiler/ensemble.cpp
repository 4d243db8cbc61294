#include "compiler/ensemble.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace obscura::compiler {
namespace {

void check_alike(const Graph& first, const Graph& other, const std::string& first_name, const std::string& other_name) {
    const auto differ = [&](const Node& a, const Node& b) {
        return a.channels != b.channels || a.height != b.height || a.width != b.width;
    };
    const Node& a = first.node(0);
    const Node& b = other.node(0);
    if (differ(a, b))
        throw Error(ErrorCode::usage,
                    fmt::format("{} takes images of {}x{} pixels and {} channels, {} of {}x{} and {}; the members of "
                                "an ensemble read one image",
                                first_name, a.height, a.width, a.channels, other_name, b.height, b.width, b.channels));
    const Node& scores = first.node(first.output);
    const Node& other_scores = other.node(other.output);
    if (differ(scores, other_scores))
        throw Error(ErrorCode::usage,
                    fmt::format("{} knows {} classes, {} {}; the members of an ensemble must know the same ones",
                                first_name, scores.channels, other_name, other_scores.channels));
}

/// Appends all nodes but the input; returns the index of the member's output.
int append(Graph& whole, const Graph& member, const std::string& prefix) {
    const int shift = static_cast<int>(whole.nodes.size()) - 1;
    const auto moved = [&](int index) { return index > 0 ? index + shift : index; };
    for (auto node = member.nodes.begin() + 1; node != member.nodes.end(); ++node) {
        Node copy = *node;
        copy.name = prefix + copy.name;
        for (Term& term : copy.terms) term.source = moved(term.source);
        copy.left = moved(copy.left);
        copy.right = moved(copy.right);
        whole.add(std::move(copy));
    }
    return moved(member.output);
}

}  // namespace

Graph mean_of(const std::vector<Graph>& members, const std::vector<std::string>& names) {
    Graph whole;
    whole.add(members.front().node(0));
    const Node& scores = members.front().node(members.front().output);
    const auto classes = static_cast<std::size_t>(scores.channels);
    Node mean{Op::linear, "mean", scores.channels, scores.height, scores.width, {}, std::vector<double>(classes, 0.0)};
    const std::vector<double> share(classes, 1.0 / static_cast<double>(members.size()));
    for (std::size_t i = 0; i < members.size(); ++i) {
        check_alike(members.front(), members[i], names.front(), names[i]);
        mean.terms.push_back(channel_scale(append(whole, members[i], fmt::format("member{}.", i)), share));
    }
    whole.output = whole.add(std::move(mean));
    return whole;
}

ImportedModel import_models(const std::vector<std::string>& onnx_paths) {
    if (onnx_paths.empty()) throw Error(ErrorCode::usage, "no network to compile");
    ImportedModel result = import_onnx(onnx_paths.front());
    if (onnx_paths.size() == 1) return result;
    std::vector<Graph> members{std::move(result.graph)};
    for (auto path = onnx_paths.begin() + 1; path != onnx_paths.end(); ++path) {
        ImportedModel member = import_onnx(*path);
        std::erase_if(result.properties, [&](const auto& property) {
            const auto found = member.properties.find(property.first);
            return found == member.properties.end() || found->second != property.second;
        });
        members.push_back(std::move(member.graph));
    }
    result.graph = mean_of(members, onnx_paths);
    return result;
}

}  // namespace obscura::compiler
