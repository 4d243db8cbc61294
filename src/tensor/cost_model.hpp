#pragma once

#include <string_view>
#include <vector>

#include "tensor/memory_model.hpp"

/// How long the engine will take, from the work it does and the speed of the machine.
namespace obscura::tensor {

/// Speed of one core, and how many there are. The defaults were fitted to ResNet-20 runs of 32 to 512 images on a
/// shared 2.4 GHz Zen 3 server with the AVX2 kernels, between its faster and its slower hours. They hold what an
/// operation costs inside a run, where it waits for memory: up to twice what the kernels take alone. Those of another
/// machine: rate_measurement.hpp.
struct MachineRates {
    double transform_seconds = 103e-6;  ///< one transform of a limb at N = 2^15, with the conversions that go with it
    double square_seconds = 154e-6;     ///< the same while squaring and relinearising, with the products
    double product_rate = 30e9;         ///< multiply-adds of residues a second in the integer matrix product
    double key_product_rate = 2.1e9;    ///< multiply-adds a second in the products with rotation keys
    double pack_rate = 1.45e9;          ///< words a second: rows packed for the product, masked sums
    int threads = 2;
};

/// Rates that stand in for a server's own, and the machine that they are of.
struct UsualRates {
    MachineRates rates;
    const char* machine;
};

/// By the kernels that the server runs (ring::Kernels::name): those of a machine with AVX-512 were measured with
/// avx512ifma and leave a tenth for slower hours; all others have MachineRates' defaults.
UsualRates usual_rates(std::string_view kernels);

/// Work of a layer, in the units of MachineRates.
struct LayerWork {
    double relinearise = 0;  ///< transforms while squaring
    double rotate = 0;       ///< transforms for the digits of rotations
    double finish = 0;       ///< transforms of the division
    double products = 0;     ///< multiply-adds
    double key_products = 0;
    double words = 0;
};

/// [layer]. Walks through the blocks that `memory` cuts the layers into, as the engine does. The plan must be valid,
/// except that its weights may be missing.
std::vector<LayerWork> layer_work(const plan::Plan& plan, const MemoryPlan& memory);

/// Time of a transform at this ring degree, where one at N = 2^15 takes 1.
double transform_size(int log_degree);

/// Predicted seconds of wall time of a layer, by the kinds that LinearTimes measures.
struct LayerCost {
    LinearTimes times;
    double seconds() const { return times.relinearise + times.rotate + times.product + times.finish; }
};

/// [layer], from layer_work.
std::vector<LayerCost> layer_costs(const plan::Plan& plan, const MemoryPlan& memory, const MachineRates& rates);

}  // namespace obscura::tensor
