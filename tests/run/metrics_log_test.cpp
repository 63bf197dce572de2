#include "defound/run/metrics_log.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <limits>

#include "defound/core/error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

TEST(MetricsLog, RoundTrip) {
  const testing::TempFolder folder;
  const double third = 1.0 / 3;
  {
    MetricsLog log(folder / "metrics.jsonl");
    log.write(1, {{"loss", third}, {"lr", 1e-300}});
    log.write(2, {{"loss", std::nan("")}, {"lr", std::numeric_limits<double>::infinity()}});
  }
  EXPECT_NE(read_text(folder / "metrics.jsonl").find(R"({"step":2,"loss":null,"lr":null})"), std::string::npos);
  const auto rows = read_metrics(folder / "metrics.jsonl");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].step, 1);
  EXPECT_EQ(rows[0].values, (NamedValues{{"loss", third}, {"lr", 1e-300}}));
  EXPECT_TRUE(std::isnan(rows[1].values[0].second));
}

TEST(MetricsLog, IsCutBackToTheStepAndToWholeLines) {
  const testing::TempFolder folder;
  const auto path = folder.write("metrics.jsonl", "{\"step\":5,\"a\":1}\n{\"step\":15,\"a\":2}\n{\"step\":10,\"a\":3}\nrubbish\n{\"step\":7,\"a\":4");
  { MetricsLog(path, 10).write(11, {{"a", 5}}); }
  EXPECT_EQ(read_text(path), "{\"step\":5,\"a\":1}\n{\"step\":10,\"a\":3}\n{\"step\":11,\"a\":5.0}\n");
  { MetricsLog fresh(path); }
  EXPECT_EQ(read_text(path), "");
}

TEST(MetricsLog, FullDiskFailsWithoutAHalfLine) {
  const testing::TempFolder folder;
  const auto path = folder / "metrics.jsonl";
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{40, 40};
    setrlimit(RLIMIT_FSIZE, &limit);
    MetricsLog log(path);
    log.write(1, {{"loss", 0.5}});
    try {
      log.write(2, {{"loss", 0.25}, {"another", 0.125}});
    } catch (const Error& e) {
      _exit(static_cast<int>(e.code()) + 10 * (std::string(e.what()).find("metrics.jsonl: File too large") == std::string::npos));
    }
    _exit(50);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(read_text(path), "{\"step\":1,\"loss\":0.5}\n");
}

}  // namespace
}  // namespace defound
