#include "plan/members.hpp"

#include <algorithm>

namespace obscura::plan {

std::vector<int> members(const Plan& plan) {
    // Each layer joins the networks that its sources belong to, under the number of the earliest.
    std::vector<int> member;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        member.push_back(static_cast<int>(i));
        if (plan.layers[i].finish == Finish::head) {
            member.back() = -1;
            continue;
        }
        for (const Operand& operand : plan.layers[i].operands) {
            if (operand.source < 0) continue;
            const int other = member[static_cast<std::size_t>(operand.source)];
            const int own = member.back();
            std::replace(member.begin(), member.end(), std::max(own, other), std::min(own, other));
        }
    }
    std::vector<int> first;
    for (int& number : member) {
        if (number < 0) continue;
        const auto found = std::find(first.begin(), first.end(), number);
        const auto index = static_cast<int>(found - first.begin());
        if (found == first.end()) first.push_back(number);
        number = index;
    }
    return member;
}

}  // namespace obscura::plan
