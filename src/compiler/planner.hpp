#pragma once

#include <optional>

#include "compiler/compile.hpp"
#include "compiler/merging.hpp"
#include "compiler/parameter_choice.hpp"
#include "plan/real_network.hpp"

/// Chooses the layout: from the number of images and the memory there is, by the memory model and the cost model.
namespace obscura::compiler {

/// A layout of a network, and all that follows from it before any weight is quantised.
struct Design {
    plan::Cell cell;
    int copies = 1;  ///< of the images in a ciphertext
    Merging merging;
    Levels levels;
    std::vector<plan::Segment> segments;          ///< with parameters and keys
    std::vector<plan::Alternative> alternatives;  ///< every layout that can run the network, by increasing batch
    std::optional<plan::CyclicTwin> cyclic_twin;  ///< if any padding is zeros
};

/// The design that needs the least time for `options.batch` images, in as many groups as that takes, within
/// `options.memory_bytes`; without a batch, the least time an image. With options.run_length, that one.
/// Throws Error(resource) if none fits the memory, saying what the least is; what choose_merging, assign_levels and
/// parameter_choices throw if no layout can run the network at all.
Design design(const plan::RealNetwork& network, const CompileOptions& options);

}  // namespace obscura::compiler
