#include <gtest/gtest.h>
#include <signal.h>

#include "defound/core/log.h"
#include "support/temp_folder.h"
#include "train/made_up_task.h"
#include "train/resume_child.h"

namespace defound::testing {
namespace {

/// Equal bit by bit: steps, names and numbers of every row, every weight of both products.
void expect_same_run(const fs::path& found, const fs::path& expected) {
  const auto rows = metrics_without_times(found), wanted = metrics_without_times(expected);
  ASSERT_EQ(rows.size(), wanted.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].step, wanted[i].step);
    EXPECT_EQ(rows[i].values, wanted[i].values) << "step " << wanted[i].step;
  }
  for (const char* product : {"last.safetensors", "best.safetensors"})
    EXPECT_EQ(read_text(found / product), read_text(expected / product)) << product;
}

class ResumedTraining : public ::testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Breaks, ResumedTraining, ::testing::Values(11, 12, 13));

TEST_P(ResumedTraining, IsBitEqualAfterSignalsAndKillsInNewProcesses) {
  const TempFolder folder;
  RandomStream random = Draws(static_cast<uint64_t>(GetParam()), "breaks").stream(0);
  const int64_t log_every = GetParam() == 11 ? 1 : 3;  // means over steps of two processes
  const auto unbroken = folder / "unbroken", broken = folder / "broken";
  ASSERT_EQ(run_in_new_process({.folder = unbroken, .log_every = log_every}), 0);

  // 60 micro-batches in all. Stopped in the middle of a step: saved after it.
  const auto first = static_cast<int64_t>(4 + random.below(20));
  ASSERT_EQ(run_in_new_process({broken, 2, log_every, SIGTERM, first}), 75);
  EXPECT_TRUE(fs::exists(broken / fmt::format("checkpoints/step-{:06}.safetensors", (first + 2) / 3)));
  // Killed later: what followed the checkpoint is lost and done again, its rows are cut off.
  ASSERT_EQ(run_in_new_process({broken, 1, log_every, SIGKILL, static_cast<int64_t>(3 + random.below(15))}), 128 + SIGKILL);
  ASSERT_EQ(run_in_new_process({broken, 0, log_every, SIGUSR1, static_cast<int64_t>(1 + random.below(9))}), 75);
  ASSERT_EQ(run_in_new_process({.folder = broken, .num_workers = 2, .log_every = log_every}), 0);
  expect_same_run(broken, unbroken);
}

TEST(Training, StopsAtAnyMicroBatchAndFinishesTheStep) {
  const TempFolder folder;
  for (const int64_t call : {1, 3, 4}) {
    const auto run = folder / std::to_string(call);
    MadeUpTask task;
    task.on_loss = [&](int64_t now) {
      if (now == call) raise(SIGTERM);
    };
    EXPECT_EQ(train_made_up(task, made_up_options(), run), ExitCode::kSaved);
    EXPECT_EQ(task.loss_calls, (call + 2) / 3 * 3);
    EXPECT_EQ(metrics_without_times(run).size(), static_cast<size_t>((call + 2) / 3));
  }
}

TEST(Training, FinishedRunTrainsNoMore) {
  const TempFolder folder;
  MadeUpTask task;
  ASSERT_EQ(train_made_up(task, made_up_options(), folder / "run"), ExitCode::kDone);
  const std::string metrics = read_text(folder / "run/metrics.jsonl");
  MadeUpTask again;  // killed between the last checkpoint and DONE
  EXPECT_EQ(train_made_up(again, made_up_options(), folder / "run"), ExitCode::kDone);
  EXPECT_EQ(again.loss_calls, 0);
  EXPECT_EQ(read_text(folder / "run/metrics.jsonl"), metrics);
}

TEST(Training, TornCheckpointCostsOnlyItsOwnSteps) {
  const TempFolder folder;
  MadeUpTask whole, task;
  LoopOptions options = made_up_options();
  options.train.checkpoint_minutes = 0;  // every step
  ASSERT_EQ(train_made_up(whole, options, folder / "unbroken"), ExitCode::kDone);
  task.on_loss = [](int64_t call) {
    if (call == 32) raise(SIGINT);
  };
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kSaved);
  const auto newest = folder / "run/checkpoints/step-000011.safetensors";
  fs::resize_file(newest, fs::file_size(newest) / 2);
  MadeUpTask again;
  ASSERT_EQ(train_made_up(again, options, folder / "run"), ExitCode::kDone);
  EXPECT_EQ(again.loss_calls, 30);  // from step 10
  EXPECT_TRUE(fs::exists(newest.string() + ".torn"));
  expect_same_run(folder / "run", folder / "unbroken");
}

TEST(Training, OtherDataOrModelIsRefused) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.train.max_train_steps = 2;
  MadeUpTask task;
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
  MadeUpTask other(37);
  EXPECT_THROW(train_made_up(other, options, folder / "run"), Error);
  try {
    train_made_up(other, options, folder / "run");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(e.what()).find("holds 37 images, but 36"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace defound::testing
