#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "compiler/explain.hpp"

/// How an explanation is written down.
namespace obscura::compiler {
namespace {

double megabytes(std::uint64_t bytes) {
    return static_cast<double>(bytes) / 1e6;
}

std::string cell_text(plan::Cell cell) {
    return fmt::format("{}x{}", cell.height, cell.width);
}

/// Why this layout: what each would take.
std::string alternatives_text(const Explanation& e) {
    if (e.alternatives.size() < 2) return "";
    std::string text = fmt::format(
        "\nlayouts weighed, residues within {:.0f} MB:\n{:>10} {:>13} {:>10} {:>12} {:>9} {:>8}\n",
        megabytes(e.memory_bytes), "cells", "images a run", "seconds", "ms an image", "memory MB", "keys MB");
    for (const plan::Alternative& a : e.alternatives)
        text += fmt::format("{:>10} {:>13} {:>10.1f} {:>12.1f} {:>9.0f} {:>8.0f}{}\n", cell_text(a.cell), a.batch,
                            a.seconds, 1e3 * a.seconds / a.batch, megabytes(a.memory_bytes), megabytes(a.key_bytes),
                            a.cell == e.cell                  ? "  chosen"
                            : a.memory_bytes > e.memory_bytes ? "  too large"
                                                              : "");
    return text;
}

/// The layout of the plan among those that were weighed.
const plan::Alternative* chosen_layout(const Explanation& e) {
    const auto chosen = std::find_if(e.alternatives.begin(), e.alternatives.end(),
                                     [&](const plan::Alternative& a) { return a.cell == e.cell; });
    return chosen == e.alternatives.end() ? nullptr : &*chosen;
}

double seconds_per_image(const plan::Alternative& a) {
    return a.seconds / a.batch;
}

/// What zero padding costs. Both times were predicted when the plan was made, for the same machine.
std::string padding_text(const Explanation& e) {
    const plan::Alternative* zeros = chosen_layout(e);
    if (!e.cyclic_twin || zeros == nullptr) return "";
    const plan::CyclicTwin& twin = *e.cyclic_twin;
    const auto masked = std::count_if(e.layers.begin(), e.layers.end(), [](const auto& layer) { return layer.masks; });
    std::string text = fmt::format(
        "\nzero padding: {} of {} layers are masked; with cyclic padding instead, in cells of {}x{}:\n"
        "{:>10} {:>8} {:>7} {:>9} {:>13} {:>10} {:>12} {:>9} {:>8}\n",
        masked, e.layers.size(), twin.layout.cell.height, twin.layout.cell.width, "padding", "N", "primes", "log2(QP)",
        "images a run", "seconds", "ms an image", "memory MB", "keys MB");
    const auto row = [&](const char* name, int degree, int limbs, double log2_qp, const plan::Alternative& a) {
        text += fmt::format("{:>10} {:>8} {:>7} {:>9.1f} {:>13} {:>10.1f} {:>12.1f} {:>9.0f} {:>8.0f}\n", name, degree,
                            limbs, log2_qp, a.batch, a.seconds, 1e3 * seconds_per_image(a), megabytes(a.memory_bytes),
                            megabytes(a.key_bytes));
    };
    row("zeros", e.ring_degree, e.limbs, e.log2_qp, *zeros);
    row("cyclic", 1 << twin.log_degree, twin.limbs, twin.log2_qp, twin.layout);
    return text + fmt::format("zeros cost {:.2f} times the time an image, {} more primes and {:.0f} more bits\n",
                              seconds_per_image(*zeros) / seconds_per_image(twin.layout), e.limbs - twin.limbs,
                              e.log2_qp - twin.log2_qp);
}

nlohmann::json layout_json(const plan::Alternative& a) {
    return {{"run_length", a.cell.pixels()}, {"cell", {a.cell.height, a.cell.width}}, {"images", a.batch},
            {"seconds", a.seconds},          {"server_bytes", a.memory_bytes},        {"key_bytes", a.key_bytes}};
}

nlohmann::json padding_json(const Explanation& e) {
    const plan::Alternative* zeros = chosen_layout(e);
    if (!e.cyclic_twin || zeros == nullptr) return nullptr;
    const plan::CyclicTwin& twin = *e.cyclic_twin;
    return {
        {"cyclic",
         {{"ring_degree", 1 << twin.log_degree},
          {"limbs", twin.limbs},
          {"log2_qp", twin.log2_qp},
          {"layout", layout_json(twin.layout)}}},
        {"zeros",
         {{"ring_degree", e.ring_degree}, {"limbs", e.limbs}, {"log2_qp", e.log2_qp}, {"layout", layout_json(*zeros)}}},
        {"times_the_seconds_per_image", seconds_per_image(*zeros) / seconds_per_image(twin.layout)}};
}

/// The rings and keys of a plan that has several.
std::string segments_text(const Explanation& e) {
    if (e.segments.size() < 2) return "";
    std::string text =
        fmt::format("\nsegments, each with its own keys:\n{:<24} {:>7} {:>7} {:>6} {:>8} {:>5} {:>8} {:>8}\n",
                    "from layer", "N", "limbs", "digits", "log2(QP)", "keys", "keys MB", "seconds");
    for (const SegmentExplanation& s : e.segments)
        text += fmt::format("{:<24} {:>7} {:>7} {:>6} {:>8.1f} {:>5} {:>8.1f} {:>8.2f}\n", s.first_layer, s.ring_degree,
                            fmt::format("{}+{}", s.limbs, s.special_limbs), s.digits, s.log2_qp, s.keys,
                            megabytes(s.key_bytes), s.seconds);
    return text;
}

nlohmann::json segments_json(const Explanation& e) {
    nlohmann::json result = nlohmann::json::array();
    for (const SegmentExplanation& s : e.segments)
        result.push_back({{"first_layer", s.first_layer},
                          {"ring_degree", s.ring_degree},
                          {"limbs", s.limbs},
                          {"special_limbs", s.special_limbs},
                          {"digits", s.digits},
                          {"log2_qp", s.log2_qp},
                          {"rotation_keys", s.rotation_keys},
                          {"keys", s.keys},
                          {"key_bytes", s.key_bytes},
                          {"seconds", s.seconds}});
    return result;
}

/// What weights of fewer bits than 30-bit primes leave have saved.
std::string modulus_text(const Explanation& e) {
    constexpr double almost_full = 29.5;
    const ModulusExplanation& m = e.modulus;
    if (m.prime_bits == 0 || m.prime_bits > almost_full) return "";
    std::string text =
        fmt::format("\nweights of {:.1f} bits: primes that rescale have {:.1f} bits; ", m.weight_bits, m.prime_bits);
    if (m.full_ring_degree == 0) return text + "with 30 bits no ring degree would be secure\n";
    return text + fmt::format("with 30 bits it would be N = {}, {} + {} limbs, log2(QP) = {:.1f}: {:.0f} bits saved\n",
                              m.full_ring_degree, e.limbs, m.full_special_limbs, m.full_log2_qp,
                              m.full_log2_qp - e.log2_qp);
}

/// What each network of an ensemble takes of the whole.
std::string members_text(const Explanation& e) {
    if (e.members.size() < 2) return "";
    std::string text = fmt::format(
        "\nensemble: {} networks read the one encrypted input, one after another; the head gives the mean of their "
        "scores\n{:>10} {:>7} {:>10} {:>10}\n",
        e.members.size(), "network", "layers", "seconds", "MB in use");
    for (std::size_t i = 0; i < e.members.size(); ++i)
        text += fmt::format("{:>10} {:>7} {:>10.2f} {:>10.0f}\n", i, e.members[i].layers, e.members[i].seconds,
                            megabytes(e.members[i].server_bytes));
    return text;
}

}  // namespace

std::string to_text(const Explanation& e) {
    std::string text =
        fmt::format("{}: N = {}, {} + {} limbs, log2(QP) = {:.1f}, {}, {} images a batch\n\n", e.model, e.ring_degree,
                    e.limbs, e.special_limbs, e.log2_qp,
                    e.security_bits > 0 ? fmt::format("{}-bit security", e.security_bits) : "NOT SECURE", e.images);
    text += fmt::format(
        "{:<20} {:>6} {:>13} {:>5} {:>5} {:>11} {:>4} {:>5} {:>6} {:>6} {:>6} {:>6} {:>8} {:>9} "
        "{:>8}\n",
        "layer", "then", "output", "level", "rows", "ciphertexts", "rot", "masks", "scale", "weight", "error", "room",
        "MB out", "MB in use", "seconds");
    for (const LayerExplanation& layer : e.layers)
        text += fmt::format(
            "{:<20} {:>6} {:>13} {:>5} {:>5} {:>11} {:>4.1f} {:>5} {:>6.1f} {:>6.1f} {:>6.1f} {:>6.1f} {:>8.1f} "
            "{:>9.0f} {:>8.2f}\n",
            layer.name, layer.finish, fmt::format("{}x{}x{}", layer.channels, layer.height, layer.width), layer.level,
            layer.rows, fmt::format("{}>{}", layer.ciphertexts_in, layer.ciphertexts_out), layer.rotations, layer.masks,
            layer.scale_bits, layer.weight_bits, layer.error_bits, layer.headroom_bits, megabytes(layer.output_bytes),
            megabytes(layer.server_bytes), layer.cost.seconds());
    text += fmt::format(
        "\nrot: rotations of each input ciphertext. masks: different ones, of merging and zero padding. scale, weight, "
        "error, room: bits of the rms value before "
        "the square,\nof the largest weight, of the encryption noise, and left between the largest value "
        "seen and the modulus.\n\n"
        "predicted: {:.1f} s ({:.1f} ms an image), server memory {:.0f} MB\n"
        "files: keys {:.1f} MB ({} rotations), request {:.1f} MB, response {:.2f} MB\n"
        "class scores: error rms {:.4f}, largest {:.3f}\n"
        "head-room: {} carries {:.3g} times the largest value of the calibration images ({:.1f} bits)\n",
        e.seconds, 1e3 * e.seconds_per_image, megabytes(e.server_bytes), megabytes(e.key_bytes), e.rotation_keys,
        megabytes(e.request_bytes), megabytes(e.response_bytes), e.score_error_rms, e.score_error_max, e.headroom_layer,
        std::exp2(e.headroom_bits), e.headroom_bits);
    return text + segments_text(e) + modulus_text(e) + members_text(e) + padding_text(e) + alternatives_text(e);
}

std::string to_json(const Explanation& e) {
    nlohmann::json layers = nlohmann::json::array();
    for (const LayerExplanation& layer : e.layers)
        layers.push_back({{"name", layer.name},
                          {"finish", layer.finish},
                          {"channels", layer.channels},
                          {"height", layer.height},
                          {"width", layer.width},
                          {"columns", layer.columns},
                          {"level", layer.level},
                          {"rows", layer.rows},
                          {"scale_bits", layer.scale_bits},
                          {"weight_bits", layer.weight_bits},
                          {"error_bits", layer.error_bits},
                          {"headroom_bits", layer.headroom_bits},
                          {"ciphertexts_in", layer.ciphertexts_in},
                          {"ciphertexts_out", layer.ciphertexts_out},
                          {"rotations", layer.rotations},
                          {"masks", layer.masks},
                          {"output_bytes", layer.output_bytes},
                          {"server_bytes", layer.server_bytes},
                          {"seconds", layer.cost.seconds()},
                          {"relinearise_seconds", layer.cost.times.relinearise},
                          {"rotate_seconds", layer.cost.times.rotate},
                          {"product_seconds", layer.cost.times.product},
                          {"finish_seconds", layer.cost.times.finish}});
    nlohmann::json members = nlohmann::json::array();
    for (const MemberExplanation& member : e.members)
        members.push_back(
            {{"layers", member.layers}, {"seconds", member.seconds}, {"server_bytes", member.server_bytes}});
    nlohmann::json alternatives = nlohmann::json::array();
    for (const plan::Alternative& a : e.alternatives) alternatives.push_back(layout_json(a));
    const nlohmann::json value = {{"model", e.model},
                                  {"run_length", e.cell.pixels()},
                                  {"cell", {e.cell.height, e.cell.width}},
                                  {"memory_bytes", e.memory_bytes},
                                  {"alternatives", alternatives},
                                  {"zero_padding", padding_json(e)},
                                  {"ring_degree", e.ring_degree},
                                  {"limbs", e.limbs},
                                  {"special_limbs", e.special_limbs},
                                  {"log2_qp", e.log2_qp},
                                  {"security_bits", e.security_bits},
                                  {"modulus",
                                   {{"prime_bits", e.modulus.prime_bits},
                                    {"weight_bits", e.modulus.weight_bits},
                                    {"full_ring_degree", e.modulus.full_ring_degree},
                                    {"full_special_limbs", e.modulus.full_special_limbs},
                                    {"full_log2_qp", e.modulus.full_log2_qp}}},
                                  {"images", e.images},
                                  {"segments", segments_json(e)},
                                  {"layers", layers},
                                  {"members", members},
                                  {"rotation_keys", e.rotation_keys},
                                  {"seconds_total", e.seconds},
                                  {"seconds_per_image", e.seconds_per_image},
                                  {"server_bytes", e.server_bytes},
                                  {"key_bytes", e.key_bytes},
                                  {"request_bytes", e.request_bytes},
                                  {"response_bytes", e.response_bytes},
                                  {"headroom_bits", e.headroom_bits},
                                  {"headroom_layer", e.headroom_layer},
                                  {"score_error_rms", e.score_error_rms},
                                  {"score_error_max", e.score_error_max}};
    return value.dump(2);
}

}  // namespace obscura::compiler
