#include "defound/core/stop.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace defound {
namespace {

TEST(StopSignal, NamesWhatCameAndIgnoresMoreOfItAfterwards) {
  for (const int number : {SIGUSR1, SIGTERM, SIGINT}) {
    {
      const StopSignal stop;
      EXPECT_FALSE(StopSignal::requested());
      raise(number);
      EXPECT_TRUE(StopSignal::requested());
      EXPECT_EQ(std::string(StopSignal::name()), number == SIGUSR1 ? "SIGUSR1" : number == SIGTERM ? "SIGTERM" : "SIGINT");
    }
    raise(SIGUSR1);  // would end this program
    raise(SIGTERM);
    EXPECT_FALSE(StopSignal::requested());
  }
}

TEST(StopSignal, GivesBackWhatWasThereWhenNoneCame) {
  std::signal(SIGUSR1, SIG_DFL);
  { const StopSignal stop; }
  struct sigaction now {};
  sigaction(SIGUSR1, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
}

}  // namespace
}  // namespace defound
