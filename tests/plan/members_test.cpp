#include "plan/members.hpp"

#include <gtest/gtest.h>

namespace obscura::plan {
namespace {

Layer layer(Finish finish, const std::vector<int>& sources) {
    Layer result;
    result.finish = finish;
    for (const int source : sources) result.operands.push_back({source, 1, 1, {{0, 0}}, {1}});
    return result;
}

TEST(Members, ShareNothingButInputAndHead) {
    Plan plan;
    plan.layers = {layer(Finish::square, {-1}), layer(Finish::square, {0, -1}), layer(Finish::square, {-1}),
                   layer(Finish::none, {2}), layer(Finish::head, {1, 3})};
    EXPECT_EQ(members(plan), (std::vector<int>{0, 0, 1, 1, -1}));
}

TEST(Members, ThatMeetLaterAreOne) {
    Plan plan;
    plan.layers = {layer(Finish::square, {-1}), layer(Finish::square, {-1}), layer(Finish::square, {-1}),
                   layer(Finish::square, {2, 0}), layer(Finish::head, {1, 3})};
    EXPECT_EQ(members(plan), (std::vector<int>{0, 1, 0, 0, -1}));
}

}  // namespace
}  // namespace obscura::plan
