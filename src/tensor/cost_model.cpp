#include "tensor/cost_model.hpp"

#include <algorithm>
#include <cmath>

#include "tensor/column_uses.hpp"

namespace obscura::tensor {

namespace {

class Counter {
  public:
    explicit Counter(const plan::Plan& plan) : plan_(plan), layouts_(plan::layouts(plan)) {
        for (std::size_t i = 0; i < layouts_.size(); ++i) {
            const bool squared = i > 0 && plan.layers[i - 1].finish == plan::Finish::square;
            ready_.emplace_back(static_cast<std::size_t>(layouts_[i].columns()), !squared);
            rotated_.push_back(columns_rotated(plan, layouts_, static_cast<int>(i)));
        }
    }

    LayerWork layer(std::size_t index, const LinearOptions& options) {
        const plan::Layer& layer = plan_.layers[index];
        enter(plan_.segment_of(index));
        const plan::Layout& output = layouts_[index + 1];
        std::vector<plan::Layout> sources;
        for (const auto& operand : layer.operands)
            sources.push_back(layouts_[static_cast<std::size_t>(operand.source + 1)]);
        const Geometry geometry = make_geometry(layer, sources, output);
        const bool head = layer.finish == plan::Finish::head;
        const bool merges = layer.masked && plan::is_identity(layer);
        const double limbs = layer.level + special_;
        LayerWork work;
        const auto wanted = columns_to_compute(plan_, layouts_, index);
        std::span<const int> rest = wanted;
        while (!rest.empty()) {
            const auto block = rest.first(std::min(rest.size(), static_cast<std::size_t>(options.block_columns)));
            rest = rest.subspan(block.size());
            for (const auto& [column, shifts] : geometry.needs(block)) add_column(layer, column, shifts, work);
            for (const int d : block) {
                double rows = 0;
                for (const auto& term : geometry.terms[static_cast<std::size_t>(d)])
                    rows += layer.operands[static_cast<std::size_t>(term.operand)].channels;
                if (!merges) work.products += 2 * rows * layer.out_channels * limbs * degree_;
                if (!geometry.masks.empty())
                    work.words += 4.0 * geometry.phases(d) * layer.out_channels * limbs * degree_;
            }
        }
        if (geometry.addend) add_addend(layer, geometry, wanted, work);
        const double outputs = (head ? 1.0 : static_cast<double>(wanted.size())) * layer.out_channels;
        work.finish = outputs * (2 * limbs + ring_switch(index));
        if (head)
            work.finish +=
                outputs * static_cast<double>(plan::head_steps(output).size()) * (digits(layer.level) + 3) * limbs;
        return work;
    }

  private:
    void enter(std::size_t segment) {
        const auto& parameters = plan_.segments[segment].parameters;
        special_ = static_cast<double>(parameters.special.size());
        digit_limbs_ = parameters.digit_limbs;
        degree_ = std::ldexp(1.0, parameters.log_degree);
    }
    double digits(int level) const { return std::ceil(level / static_cast<double>(digit_limbs_)); }
    /// Transforms of one ciphertext's switch to the ring that reads a layer, in the layer's own.
    double ring_switch(std::size_t index) const {
        if (!plan_.switches_ring(index)) return 0;
        const auto& parameters = plan_.segments[plan_.reading_segment(index)].parameters;
        const int level = plan_.layers[index].output_level();
        const double limbs = level + static_cast<double>(parameters.special.size());
        return (std::ceil(level / static_cast<double>(parameters.digit_limbs)) + 3) * limbs;
    }

    void add_column(const plan::Layer& layer, const SourceColumn& column, const std::set<int>& shifts,
                    LayerWork& work) {
        const auto& operand = layer.operands[static_cast<std::size_t>(column.first)];
        const auto map = static_cast<std::size_t>(operand.source + 1);
        const double channels = operand.channels, limbs = layer.level + special_;
        const bool rotated = shifts.size() > 1 || *shifts.begin() != 0;
        prepare(map, column.second, channels, work);
        // storing c0 and digits in parts takes about as long as another transform a limb
        work.rotate += channels * (rotated ? (digits(layer.level) + 1) * limbs : layer.level);
        const auto rotations = static_cast<double>(shifts.size() - shifts.count(0));
        work.key_products += rotations * channels * digits(layer.level) * 2 * limbs * degree_;
        work.words += static_cast<double>(shifts.size()) * channels * 2 * limbs * degree_;
    }

    /// Squares a column unless that is done.
    void prepare(std::size_t map, int column, double channels, LayerWork& work) {
        if (ready_[map][static_cast<std::size_t>(column)]) return;
        ready_[map][static_cast<std::size_t>(column)] = true;
        const int level = plan_.layers[map - 1].output_level();
        const bool divided = rotated_[map][static_cast<std::size_t>(column)];  // c1, by P
        work.relinearise += channels * (digits(level) + (divided ? 1 : 0)) * (level + special_);
    }
    /// Two rows are read for every sum of the division, and the dropped limb of c1 is transformed.
    void add_addend(const plan::Layer& layer, const Geometry& geometry, const std::vector<int>& wanted,
                    LayerWork& work) {
        const auto& operand = layer.operands[static_cast<std::size_t>(geometry.addend->operand)];
        for (const int d : wanted) {
            prepare(static_cast<std::size_t>(operand.source + 1), geometry.addend->columns[static_cast<std::size_t>(d)],
                    operand.channels, work);
            work.finish += operand.channels * layer.dropped();
            work.words += operand.channels * (2 * layer.level + special_) * degree_;
        }
    }

    const plan::Plan& plan_;
    const std::vector<plan::Layout> layouts_;
    double special_ = 0, degree_ = 0;  ///< of the layer's segment
    int digit_limbs_ = 1;
    std::vector<std::vector<bool>> ready_;    ///< [map][column]
    std::vector<std::vector<bool>> rotated_;  ///< [map][column]
};

}  // namespace

UsualRates usual_rates(std::string_view kernels) {
    if (!kernels.starts_with("avx512")) return {{}, "2.4 GHz Zen 3"};
    return {{62e-6, 78e-6, 98e9, 95e9, 2.1e9, 2}, "3 GHz Emerald Rapids"};
}

double transform_size(int log_degree) {
    return std::ldexp(log_degree / 15.0, log_degree - 15);
}

std::vector<LayerWork> layer_work(const plan::Plan& plan, const MemoryPlan& memory) {
    Counter counter(plan);
    std::vector<LayerWork> work;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) work.push_back(counter.layer(i, memory.options[i]));
    return work;
}

std::vector<LayerCost> layer_costs(const plan::Plan& plan, const MemoryPlan& memory, const MachineRates& rates) {
    std::vector<LayerCost> costs;
    for (const LayerWork& work : layer_work(plan, memory)) {
        const double size = transform_size(plan.segments[plan.segment_of(costs.size())].parameters.log_degree);
        const double transform = rates.transform_seconds * size / rates.threads;
        LinearTimes times;
        times.relinearise = work.relinearise * rates.square_seconds * size / rates.threads;
        times.rotate = work.rotate * transform;
        times.finish = work.finish * transform;
        times.product = (work.products / rates.product_rate + work.key_products / rates.key_product_rate +
                         work.words / rates.pack_rate) /
                        rates.threads;
        costs.push_back({times});
    }
    return costs;
}

}  // namespace obscura::tensor
