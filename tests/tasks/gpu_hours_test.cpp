#include "defound/tasks/gpu_hours.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

TEST(GpuHours, CountsWorkAgainstAShareOfThePeak) {
  const std::string text = describe_gpu_hours(312e12 * 0.5 * 3600, 0.5);
  EXPECT_NE(text.find("50 %"), std::string::npos) << text;
  EXPECT_NE(text.find("A100                  1 h\n"), std::string::npos) << text;
}

TEST(GpuHours, TwiceTheShareHalvesTheHours) {
  EXPECT_NE(describe_gpu_hours(312e12 * 3600, 1).find("A100                  1 h\n"), std::string::npos);
  EXPECT_NE(describe_gpu_hours(312e12 * 3600, 0.25).find("A100                  4 h\n"), std::string::npos);
}

}  // namespace
}  // namespace defound
