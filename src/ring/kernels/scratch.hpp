#pragma once

#include <cstddef>

#include "ring/modular.hpp"

namespace obscura::ring {

/// A work area of this thread, 64-byte aligned, valid until its next call. It only grows.
u32* kernel_scratch(std::size_t words);

}  // namespace obscura::ring
