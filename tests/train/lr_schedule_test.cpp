#include "defound/train/lr_schedule.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"

namespace defound {
namespace {

TrainOptions mae_options() {  // MAE's README: 200 epochs, 20 of warm-up, base rate 1.5e-4 at batch 1,792
  TrainOptions options;
  options.epochs = 200;
  options.warmup_epochs = 20;
  options.batch_size = 1792;
  options.base_learning_rate = 1.5e-4;
  return options;
}

TEST(LrSchedule, IsMaesAtFractionalEpochs) {
  const int64_t images = 1792 * 84 + 100;  // 84 full batches
  const LrSchedule schedule = make_lr_schedule(mae_options(), images);
  EXPECT_DOUBLE_EQ(schedule.peak, 1.05e-3);
  EXPECT_EQ(schedule.at(0), 0.0);
  EXPECT_NEAR(schedule.at(84 * 10 + 42), 1.05e-3 * 10.5 / 20, 1e-15);
  EXPECT_DOUBLE_EQ(schedule.at(84 * 20), 1.05e-3);
  EXPECT_NEAR(schedule.at(84 * 110), 0.5 * 1.05e-3, 1e-15);
  EXPECT_NEAR(schedule.at(84 * 155), 1.05e-3 * 0.5 * (1 - std::sqrt(0.5)), 1e-15);
  EXPECT_NEAR(schedule.at(84 * 200), 0.0, 1e-15);
}

TEST(LrSchedule, EndsAtTheMinimumButWarmsUpFromZero) {
  TrainOptions options = mae_options();
  options.min_learning_rate = 1e-5;
  options.learning_rate = 1e-3;
  const LrSchedule schedule = make_lr_schedule(options, 1792 * 10);
  EXPECT_NEAR(schedule.at(1), 1e-3 / 200, 1e-15);
  EXPECT_NEAR(schedule.at(2000), 1e-5, 1e-15);
  EXPECT_NEAR(schedule.at(5000), 1e-5, 1e-15);
  EXPECT_NEAR(schedule.at(1100), (1e-3 + 1e-5) / 2, 1e-15);
}

TEST(LrSchedule, ConstantStaysAtThePeak) {
  TrainOptions options = mae_options();
  options.lr_scheduler = "constant";
  options.max_train_steps = 500;
  const LrSchedule schedule = make_lr_schedule(options, 1792 * 10);
  EXPECT_DOUBLE_EQ(schedule.at(100), schedule.peak / 2);
  EXPECT_DOUBLE_EQ(schedule.at(200), schedule.peak);
  EXPECT_DOUBLE_EQ(schedule.at(499), schedule.peak);
}

TEST(LrSchedule, DataBelowOneBatchIsRejected) {
  try {
    make_lr_schedule(mae_options(), 1791);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
  }
}

}  // namespace
}  // namespace defound
