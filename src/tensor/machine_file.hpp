#pragma once

#include <string>

#include "tensor/cost_model.hpp"

/// Rates of a machine as a small JSON file: an object with the fields of MachineRates.
namespace obscura::tensor {

/// Throws Error(io).
void save_rates(const MachineRates& rates, const std::string& path);

/// Throws Error(io) if the file cannot be read, Error(format) if it is no such object or a rate is not positive and
/// finite, or there are not 1 to 1024 threads.
MachineRates load_rates(const std::string& path);

}  // namespace obscura::tensor
