#include "defound/core/progress.h"

#include <gtest/gtest.h>

#include <vector>

namespace defound {
namespace {

TEST(Progress, ShowsItsBarToWhoAskedAndSaysWhenItEnds) {
  std::vector<std::string> shown;
  Progress::show_live([&](const std::string& bar) { shown.push_back(bar); });
  {
    Progress progress("reading", 4);
    progress.update(4, "loss 0.5");
  }
  Progress::show_live({});
  ASSERT_EQ(shown.size(), 2u);
  EXPECT_EQ(shown[0].find("[########################] reading 4/4 (100 %)"), 0u) << shown[0];
  EXPECT_TRUE(shown[0].ends_with("0 s left, loss 0.5")) << shown[0];
  EXPECT_EQ(shown[1], "");
}

TEST(Progress, MoreThanAskedForAndNothingAtAllFillNoFurther) {
  std::vector<std::string> shown;
  Progress::show_live([&](const std::string& bar) { shown.push_back(bar); });
  { Progress("nothing", 0).update(0); }
  {
    Progress progress("more", 2);
    progress.update(3);
  }
  Progress::show_live({});
  ASSERT_EQ(shown.size(), 3u);   // the first did nothing, so there is no line to end
  EXPECT_EQ(shown[0].find("[........................] nothing 0/0"), 0u) << shown[0];
  EXPECT_EQ(shown[1].find("[########################] more 3/2"), 0u) << shown[1];
}

}  // namespace
}  // namespace defound
