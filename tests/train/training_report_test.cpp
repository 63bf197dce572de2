#include "defound/train/training_report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/temp_folder.h"
#include "train/made_up_task.h"

namespace defound {
namespace {

TEST(TrainingReport, PlotsEveryNumberOfARun) {
  const testing::TempFolder folder;
  testing::MadeUpTask task;
  task.on_loss = [&](int64_t call) { task.factor = call == 14 ? std::nan("") : 1.0; };
  LoopOptions options = testing::made_up_options();
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
  const RunDir run = testing::open_run(folder / "run");
  write_training_report(run, "A <made-up> run", {{"four patterns", "\x89PNG"}});
  const std::string page = read_text(run / "report.html");
  for (const char* text : {"A &lt;made-up&gt; run", "learning_rate", "images_per_second", "grad_norm", "val_accuracy", "val_loss", "skipped_steps",
                           "four patterns", "</html>"})
    EXPECT_NE(page.find(text), std::string::npos) << text;
  EXPECT_EQ(page.find("NaN"), std::string::npos);
  EXPECT_EQ(page.find("=\"nan"), std::string::npos);
}

TEST(TrainingReport, RunWithoutNumbersHasAPageToo) {
  const testing::TempFolder folder;
  const RunDir run = testing::open_run(folder / "run");
  { MetricsLog log(run / "metrics.jsonl"); }
  write_training_report(run, "Nothing yet", {});
  EXPECT_NE(read_text(run / "report.html").find("Nothing yet"), std::string::npos);
}

}  // namespace
}  // namespace defound
