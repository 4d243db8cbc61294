#include "compiler/segmentation.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>

#include "io/residues.hpp"
#include "plan/layout.hpp"
#include "ring/kernels/kernels.hpp"
#include "ring/primes.hpp"
#include "tensor/cost_model.hpp"

namespace obscura::compiler {
namespace {

constexpr int least_log_degree = 10;
/// More digits than this, and a ring of half the degree is hardly faster.
constexpr int most_digits_of_smaller_ring = 4;
/// Reading a key, expanding its other half, and touching the memory for both.
constexpr double seconds_a_key_byte = 1e-8;
constexpr double no_cost = std::numeric_limits<double>::infinity();

double chain_bits(const ckks::ParametersLiteral& parameters, int limbs) {
    double bits = 0;
    for (int t = 0; t < limbs; ++t) bits += std::log2(parameters.chain[static_cast<std::size_t>(t)]);
    return bits;
}

/// How many special primes of 30 bits a chain leaves room for.
int special_room(const ckks::ParametersLiteral& parameters, int limbs, int log_degree) {
    const double room = ckks::max_log2_qp_128(log_degree) - chain_bits(parameters, limbs);
    return std::clamp(static_cast<int>(std::floor(room / ring::prime_bits)), 0, ring::max_conversion_sources - 2);
}

/// The lower part of a chain, with so many special primes, the largest outside of the whole chain.
ckks::ParametersLiteral lower_part(const ckks::ParametersLiteral& first, int limbs, int special, int log_degree) {
    ckks::ParametersLiteral result = first;
    result.log_degree = log_degree;
    result.chain.resize(static_cast<std::size_t>(limbs));
    result.special.clear();
    for (const auto q : ring::ntt_primes(first.log_degree, special + static_cast<int>(first.chain.size()))) {
        if (static_cast<int>(result.special.size()) == special) break;
        if (std::find(first.chain.begin(), first.chain.end(), q) == first.chain.end()) result.special.push_back(q);
    }
    result.digit_limbs = special;
    return result;
}

/// The search: which cuts to make, and how many special primes each segment has.
class Search {
  public:
    Search(const plan::Plan& outline, const std::vector<ckks::ParametersLiteral>& choices,
           const CompileOptions& options)
        : outline_(outline), choices_(choices), memory_(tensor::plan_memory(outline, outline.memory_bytes, 1)) {
        for (int special = 1; special <= ring::max_conversion_sources - 2; ++special) add_costs(special, options);
        const auto layouts = plan::layouts(outline);
        for (std::size_t i = 0; i < outline.layers.size(); ++i)
            rotations_.push_back(plan::layer_rotations(outline, layouts, i));
    }

    std::vector<plan::Segment> run() {
        const std::size_t layers = outline_.layers.size();
        // best[first]: the layers from `first` on, which begin a segment
        best_.assign(layers + 1, {});
        best_[layers].seconds = 0;
        for (std::size_t first = layers; first-- > 0;)
            if (first == 0 || can_cut(outline_, first)) search_from(first);
        std::vector<plan::Segment> result;
        for (std::size_t at = 0; at < layers; at = best_[at].next) result.push_back(segment(at));
        return result;
    }

  private:
    struct Best {
        double seconds = no_cost;
        std::size_t next = 0;
        int special = 0;
    };

    void add_costs(int special, const CompileOptions& options) {
        plan::Plan plan = outline_;
        for (auto& segment : plan.segments) {
            segment.parameters.special.assign(static_cast<std::size_t>(special), 0);
            segment.parameters.digit_limbs = special;
        }
        auto& seconds = seconds_[special];
        for (const auto& cost : tensor::layer_costs(plan, memory_, options.rates)) seconds.push_back(cost.seconds());
    }

    /// Whether a segment can begin with this layer and have so many special primes.
    bool allowed(std::size_t first, int special) const {
        if (first == 0)
            return std::any_of(choices_.begin(), choices_.end(),
                               [&](const auto& choice) { return static_cast<int>(choice.special.size()) == special; });
        const int limbs = limbs_from(outline_, first);
        if ((limbs + special - 1) / special > ring::max_inner_digits || special > limbs) return false;
        return choices_.front().insecure_for_tests ||
               special <= special_room(choices_.front(), limbs, log_degree(first));
    }

    int log_degree(std::size_t layer) const {
        return outline_.segments[outline_.segment_of(layer)].parameters.log_degree;
    }

    void search_from(std::size_t first) {
        const std::size_t layers = outline_.layers.size(), ring = outline_.segment_of(first);
        const double key_bytes = static_cast<double>(io::packed_bytes(std::size_t{1} << log_degree(first)));
        Best& best = best_[first];
        for (const auto& [special, seconds] : seconds_) {
            if (!allowed(first, special)) continue;
            double sum = 0;
            std::map<int, int> level_of_step{{0, limbs_from(outline_, first)}};  // relinearisation
            double key_limbs = limbs_of_key(level_of_step.at(0), special);
            for (std::size_t next = first + 1; next <= layers; ++next) {
                sum += seconds[next - 1];
                for (const auto& [step, level] : rotations_[next - 1]) {
                    int& known = level_of_step[step];
                    if (level <= known) continue;
                    key_limbs += limbs_of_key(level, special) - limbs_of_key(known, special);
                    known = level;
                }
                const double all = best_[next].seconds + sum + key_limbs * key_bytes * seconds_a_key_byte;
                if (all < best.seconds) best = {all, next, special};
                if (next < layers && outline_.segment_of(next) != ring) break;
            }
        }
    }

    static double limbs_of_key(int level, int special) {
        return level == 0 ? 0 : std::ceil(level / static_cast<double>(special)) * (level + special);
    }

    plan::Segment segment(std::size_t first) const {
        const int special = best_[first].special;
        plan::Segment result;
        result.first_layer = static_cast<int>(first);
        result.parameters = first == 0
                                ? chosen_first()
                                : lower_part(chosen_first(), limbs_from(outline_, first), special, log_degree(first));
        return result;
    }
    const ckks::ParametersLiteral& chosen_first() const {
        return *std::find_if(choices_.begin(), choices_.end(), [&](const auto& choice) {
            return static_cast<int>(choice.special.size()) == best_.front().special;
        });
    }

    const plan::Plan& outline_;
    const std::vector<ckks::ParametersLiteral>& choices_;
    const tensor::MemoryPlan memory_;
    std::map<int, std::vector<double>> seconds_;                    ///< [special primes][layer]
    std::vector<Best> best_;                                        ///< [first layer]
    std::vector<std::vector<plan::RotationKeyRequest>> rotations_;  ///< [layer]
};

}  // namespace

bool can_cut(const plan::Plan& plan, std::size_t first) {
    std::vector<bool> before(plan.layers.size() + 1), after(before);
    for (std::size_t i = 0; i < plan.layers.size(); ++i)
        for (const auto& operand : plan.layers[i].operands)
            (i < first ? before : after)[static_cast<std::size_t>(operand.source + 1)] = true;
    for (std::size_t map = 0; map <= first; ++map)
        if (before[map] && after[map]) return false;
    return !after[0];
}

int limbs_from(const plan::Plan& plan, std::size_t first) {
    int limbs = 0;
    for (std::size_t i = first; i < plan.layers.size(); ++i)
        for (const auto& operand : plan.layers[i].operands)
            if (operand.source < 0) {
                limbs = std::max(limbs, plan.layers[i].level);
            } else if (operand.source < static_cast<int>(first)) {
                const auto& source = plan.layers[static_cast<std::size_t>(operand.source)];
                const bool switched =
                    source.merged_run != 0 || plan.switches_ring(static_cast<std::size_t>(operand.source));
                const bool rescales_here = switched && source.finish == plan::Finish::square;
                limbs = std::max(limbs, source.output_level() + (rescales_here ? 1 : 0));
            }
    return limbs;
}

bool ring_suffices(const ckks::ParametersLiteral& parameters, int limbs, int log_degree) {
    if (log_degree < least_log_degree) return false;
    return parameters.insecure_for_tests ||
           special_room(parameters, limbs, log_degree) * most_digits_of_smaller_ring >= limbs;
}

std::optional<std::vector<plan::Segment>> ring_segments(const plan::Plan& plan, const std::vector<int>& tiles,
                                                        int log_degree) {
    const int first_tiles = plan.input.height * plan.input.width / plan.cell.pixels();
    const auto tiles_of = [&](int source) {
        return source < 0 ? first_tiles : tiles[static_cast<std::size_t>(source)];
    };
    std::vector<plan::Segment> segments(1);
    segments.front().parameters.log_degree = log_degree;
    int current = first_tiles;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const auto& operands = plan.layers[i].operands;
        const int here = tiles_of(operands.front().source);
        if (std::any_of(operands.begin(), operands.end(), [&](const auto& o) { return tiles_of(o.source) != here; }))
            return std::nullopt;
        if (here == current) continue;
        if (here > current || !can_cut(plan, i)) return std::nullopt;
        plan::Segment segment;
        segment.first_layer = static_cast<int>(i);
        segment.parameters.log_degree = log_degree;
        for (int ratio = first_tiles / here; ratio > 1; ratio /= 2) --segment.parameters.log_degree;
        segments.push_back(std::move(segment));
        current = here;
    }
    return segments;
}

std::vector<plan::Segment> copy_segments(const plan::Plan& plan, const ckks::ParametersLiteral& parameters,
                                         int copies) {
    plan::Plan rings = plan;
    rings.segments.assign(1, {});
    rings.segments.front().parameters.log_degree = parameters.log_degree;
    for (std::size_t i = 1; i < plan.layers.size() && copies > 1; ++i) {
        if (!can_cut(plan, i)) continue;
        const int here = rings.segments.back().parameters.log_degree;
        rings.segments.emplace_back().first_layer = static_cast<int>(i);
        int fewer = copies;  // times fewer slots: as many as the primes that are left allow
        for (; fewer > 1; fewer /= 2) {
            rings.segments.back().parameters.log_degree = here - std::countr_zero(static_cast<unsigned>(fewer));
            if (ring_suffices(parameters, limbs_from(rings, i), rings.segments.back().parameters.log_degree)) break;
        }
        copies /= fewer;
        if (fewer == 1) rings.segments.pop_back();
    }
    return rings.segments;
}

std::vector<plan::Segment> choose_segments(const plan::Plan& outline,
                                           const std::vector<ckks::ParametersLiteral>& choices,
                                           const CompileOptions& options) {
    return Search(outline, choices, options).run();
}

std::uint64_t segment_key_bytes(const plan::Plan& plan, std::size_t index) {
    const plan::Segment& segment = plan.segments[index];
    const ckks::ParametersLiteral& of = segment.parameters;
    // one polynomial a digit, over all primes
    const auto bytes = [&](int level, int log_degree) {
        const auto limbs = static_cast<std::uint64_t>(level), size = static_cast<std::uint64_t>(of.digit_limbs);
        return (limbs + size - 1) / size * (limbs + of.special.size()) * io::packed_bytes(std::size_t{1} << log_degree);
    };
    const int before = plan.segments[index == 0 ? 0 : index - 1].parameters.log_degree;
    std::uint64_t sum = bytes(segment.relinearisation_level, of.log_degree);
    if (of.log_degree < before) sum += bytes(static_cast<int>(of.chain.size()), before);
    for (const auto& key : segment.rotation_keys) sum += bytes(key.level, of.log_degree);
    return sum;
}

void fill_keys(plan::Plan& plan) {
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
        plan.segments[i].relinearisation_level = plan::highest_square(plan, i);
        plan.segments[i].rotation_keys = plan::required_rotations(plan, i);
    }
}

}  // namespace obscura::compiler
