#pragma once

#include <vector>

namespace obscura {

/// The numbers from `begin` to `end` in groups of `size`, the last one with what remains. size >= 1.
inline std::vector<std::vector<int>> in_groups(int begin, int end, int size) {
    std::vector<std::vector<int>> groups;
    for (int i = begin; i < end; ++i) {
        if ((i - begin) % size == 0) groups.emplace_back();
        groups.back().push_back(i);
    }
    return groups;
}

}  // namespace obscura
