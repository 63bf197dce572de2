#include "defound/eval/subgroups.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

TEST(Subgroups, FewValuesAreGroupsOfTheirOwn) {
  const auto groups = make_subgroups("sex", {"F", "M", "", "F"});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].value, "F");
  EXPECT_EQ(groups[0].rows, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(groups[1].rows, (std::vector<int64_t>{1}));
}

TEST(Subgroups, ManyNumbersAreCutAtQuartiles) {
  std::vector<std::string> ages{""};
  for (int age = 20; age < 60; ++age) ages.push_back(std::to_string(age));
  const auto groups = make_subgroups("age", ages);
  ASSERT_EQ(groups.size(), 4u);
  for (const auto& group : groups) EXPECT_EQ(group.rows.size(), 10u);
  EXPECT_EQ(groups.front().value, "20 \u2013 29.75");
  EXPECT_EQ(groups.back().value, "over 49.25, up to 59");
}

TEST(Subgroups, HeavyTiesLeaveFewerGroupsAndLoseNobody) {
  std::vector<std::string> values(50, "3");
  for (int i = 0; i < 20; ++i) values.push_back(std::to_string(100 + i));
  size_t members = 0;
  for (const auto& group : make_subgroups("visits", values)) members += group.rows.size();
  EXPECT_EQ(members, 70u);
}

TEST(Subgroups, NamesAndSingleValuesGiveNone) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back("study-" + std::to_string(i));
  EXPECT_TRUE(make_subgroups("study", names).empty());
  EXPECT_TRUE(make_subgroups("site", {"A", "A", "A"}).empty());
  EXPECT_TRUE(make_subgroups("site", {"", ""}).empty());
}

}  // namespace
}  // namespace defound
