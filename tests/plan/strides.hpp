#pragma once

#include "plan/layout.hpp"

namespace obscura::plan::testing {

/// Whether a stride of 2 needs no merging: strided(layout, 2) does not throw.
inline bool can_halve(const Layout& layout) {
    return layout.height > 1 && layout.width > 1 && (layout.cell.height % 2 == 0 || layout.cell.width == layout.width);
}

}  // namespace obscura::plan::testing
