#include "defound/train/loop.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <limits>
#include <set>
#include <thread>

#include "support/expect_error.h"
#include "support/temp_folder.h"
#include "train/made_up_task.h"

namespace defound::testing {
namespace {

std::vector<double> column(const fs::path& run, const std::string& name) {
  std::vector<double> found;
  for (const auto& row : read_metrics(run / "metrics.jsonl"))
    for (const auto& [key, value] : row.values) if (key == name) found.push_back(value);
  return found;
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kFailed);
    return e.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST(Loop, LearnsAndKeepsTheBest) {
  const TempFolder folder;
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.epochs = 20;
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
  const auto losses = column(folder / "run", "loss"), accuracy = column(folder / "run", "val_accuracy");
  ASSERT_EQ(losses.size(), 80u);
  ASSERT_EQ(accuracy.size(), 20u);
  EXPECT_LT(losses.back(), 0.5 * losses.front());
  EXPECT_GT(accuracy.back(), 0.9);
  EXPECT_TRUE(fs::exists(folder / "run/best.safetensors"));
  EXPECT_EQ(column(folder / "run", "epoch").back(), 20.0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "run/checkpoints"), {}), 1);
}

TEST(Loop, ValidatesWithTheAverageAndTrainsOnWithTheMasters) {
  const TempFolder folder;
  const RunDir run = open_run(folder / "run");
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.ema_decay = 0.99;
  Objective objective = task.objective(run);
  torch::Tensor while_validating, before;
  objective.validate = [&] {
    EXPECT_FALSE(task.net.is_training());
    while_validating = task.net.head->weight.detach().clone();
    return Metrics{{"accuracy", 1.0}};
  };
  ASSERT_EQ(train(objective, task.data, options, run), ExitCode::kDone);
  EXPECT_TRUE(task.net.is_training());
  const TensorMap product = load_safetensors(run / "last.safetensors").tensors;
  EXPECT_TRUE(torch::equal(product.at("head.weight"), while_validating));
  EXPECT_FALSE(torch::equal(product.at("head.weight"), task.net.head->weight));
  EXPECT_EQ(product.size(), 6u);  // four trained, one frozen, one buffer
}

TEST(Loop, SamplesUnderTheAverageWithoutATraceInTheTraining) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.train.ema_decay = 0.99;
  MadeUpTask plain, sampled;
  ASSERT_EQ(train_made_up(plain, options, folder / "plain"), ExitCode::kDone);
  const RunDir run = open_run(folder / "run");
  Objective objective = sampled.objective(run);
  const std::string png("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01", 24);
  torch::Tensor last;
  objective.sample_every = 10;  // of 20 steps
  objective.sample = [&] {
    EXPECT_FALSE(sampled.net.is_training() || torch::GradMode::is_enabled());
    last = sampled.net.head->weight.detach().clone();
    return Pictures{{"grid", png}};
  };
  ASSERT_EQ(train(objective, sampled.data, options, run), ExitCode::kDone);
  EXPECT_EQ(read_text(run / "last.safetensors"), read_text(folder / "plain/last.safetensors"));
  EXPECT_TRUE(torch::equal(load_safetensors(run / "last.safetensors").tensors.at("head.weight"), last));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(run / "samples")) names.insert(entry.path().filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"step-000010-grid.png", "step-000020-grid.png"}));
  EXPECT_EQ(read_text(run / "samples/step-000020-grid.png"), png);
}

TEST(Loop, ProductsMayLeaveOutWhatIsFrozen) {
  const TempFolder folder;
  for (const torch::Dtype precision : {torch::kFloat32, torch::kBFloat16}) {
    const RunDir run = open_run(folder / std::string(c10::toString(precision)));
    MadeUpTask task;
    LoopOptions options = made_up_options();
    options.precision = precision;
    Objective objective = task.objective(run);
    objective.product_has_frozen = false;
    ASSERT_EQ(train(objective, task.data, options, run), ExitCode::kDone);
    const TensorMap product = load_safetensors(run / "last.safetensors").tensors;
    EXPECT_EQ(product.size(), 4u);
    EXPECT_FALSE(product.contains("frozen") || product.contains("shift"));
    EXPECT_EQ(product.at("head.weight").scalar_type(), torch::kFloat32);
  }
}

TEST(Loop, MicroBatchesGiveTheSameTraining) {
  const TempFolder folder;
  std::vector<TensorMap> products;
  for (const int64_t micro : {0, 3, 8}) {
    MadeUpTask task;
    LoopOptions options = made_up_options();
    options.train.micro_batch_size = micro;
    const auto run = folder / std::to_string(micro);
    ASSERT_EQ(train_made_up(task, options, run), ExitCode::kDone);
    products.push_back(load_safetensors(run / "last.safetensors").tensors);
  }
  for (const auto& [name, weight] : products[0]) {
    EXPECT_TRUE(torch::allclose(products[1].at(name), weight, 1e-4, 1e-5)) << name;
    EXPECT_TRUE(torch::equal(products[2].at(name), weight)) << name;
  }
}

TEST(Loop, StepsOfFractionsOfEpochs) {
  TrainOptions options;
  options.batch_size = 8;
  options.epochs = 0.5;
  EXPECT_EQ(total_steps(options, 36), 2);
  options.epochs = 0.01;
  EXPECT_EQ(total_steps(options, 36), 1);
  options.epochs = 0;
  expect_error(ExitCode::kUsage, "nothing would be trained", [&] { total_steps(options, 36); });
  options.max_train_steps = 7;
  EXPECT_EQ(total_steps(options, 36), 7);
  EXPECT_THROW(total_steps(options, 7), Error);
}

TEST(Loop, ValidatesAfterEachShareOfAnEpochAndAtTheEnd) {
  for (const auto& [every, expected] : {std::pair{0.5, 10}, {2.0, 3}, {0.0, 1}}) {
    const TempFolder folder;
    MadeUpTask task;
    LoopOptions options = made_up_options();
    options.train.validate_epochs = every;
    ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
    EXPECT_EQ(task.validations, expected) << every;
  }
}

TEST(Loop, TimeLimitSavesAndLeavesWith75) {
  const TempFolder folder;
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.max_seconds = 1e-9;
  EXPECT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kSaved);
  EXPECT_EQ(task.loss_calls, 0);
  options.train.max_seconds = 0;
  EXPECT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
}

TEST(Loop, KeepsTheNewestCheckpointsAndSweepsUpHalfOnes) {
  const TempFolder folder;
  folder.write("run/config.json", "{}");
  folder.write("run/checkpoints/.step-000001.4711.tmp.safetensors", "half");
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.checkpoint_minutes = 0;
  options.train.keep_checkpoints = 3;
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "run/checkpoints")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"step-000018.safetensors", "step-000019.safetensors", "step-000020.safetensors"}));
}

TEST(Loop, NonFiniteLossSkipsTheStep) {
  const TempFolder folder;
  MadeUpTask task;
  torch::Tensor before, after;
  task.on_loss = [&](int64_t call) {
    if (call == 13) before = task.net.head->weight.detach().clone();  // step 5 begins
    if (call == 16) after = task.net.head->weight.detach().clone();
    task.factor = call == 14 ? std::numeric_limits<double>::quiet_NaN() : 1.0;
  };
  ASSERT_EQ(train_made_up(task, made_up_options(), folder / "run"), ExitCode::kDone);
  EXPECT_TRUE(torch::equal(before, after));
  EXPECT_TRUE(std::isnan(column(folder / "run", "loss")[4]));
  EXPECT_TRUE(std::isfinite(column(folder / "run", "loss")[5]));
  EXPECT_EQ(column(folder / "run", "skipped_steps"), std::vector<double>(16, 1.0));
  const TensorMap product = load_safetensors(folder / "run/last.safetensors").tensors;
  for (const auto& [name, weight] : product) EXPECT_TRUE(weight.isfinite().all().item<bool>()) << name;
}

TEST(Loop, FiveNonFiniteStepsInARowStopTheRun) {
  const TempFolder folder;
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.checkpoint_minutes = 0;
  task.on_loss = [&](int64_t call) { task.factor = call > 24 && call % 3 == 0 ? std::numeric_limits<double>::infinity() : 1.0; };
  const std::string message = message_of([&] { train_made_up(task, options, folder / "run"); });
  EXPECT_NE(message.find("5 steps in a row (up to step 13)"), std::string::npos) << message;
  EXPECT_NE(message.find("step-000012.safetensors"), std::string::npos) << message;
  task.on_loss = [&](int64_t call) { task.factor = (call - 1) / 3 % 5 == 4 ? 1.0 : std::numeric_limits<double>::quiet_NaN(); };
  task.loss_calls = 0;  // four bad, one good, and so on: goes through
  EXPECT_EQ(train_made_up(task, made_up_options(), folder / "again"), ExitCode::kDone);
}

TEST(Loop, NonFiniteWeightsAreNeverSaved) {
  const TempFolder folder;
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.checkpoint_minutes = 0;
  task.on_loss = [&](int64_t call) {
    torch::NoGradGuard no_grad;
    if (call == 7) task.net.fc1->bias[2] = std::numeric_limits<float>::quiet_NaN();  // step 3: skipped, but the weight stays
  };
  const std::string message = message_of([&] { train_made_up(task, options, folder / "run"); });
  EXPECT_NE(message.find("not finite"), std::string::npos) << message;
  EXPECT_NE(message.find("step-000002.safetensors"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(folder / "run/checkpoints/step-000003.safetensors"));
}

TEST(Loop, FullDiskFailsAndKeepsTheCheckpointBefore) {
  const TempFolder folder;
  MadeUpTask task;
  LoopOptions options = made_up_options();
  options.train.checkpoint_minutes = 0;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  task.on_loss = [&](int64_t call) {
    const rlimit limit{8000, before.rlim_max};  // stands for a disk without room for a checkpoint
    if (call != 7) return;
    while (!fs::exists(folder / "run/checkpoints/step-000002.safetensors")) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // written beside the training
    setrlimit(RLIMIT_FSIZE, &limit);
  };
  const std::string message = message_of([&] { train_made_up(task, options, folder / "run"); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_action);
  EXPECT_NE(message.find("cannot write"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "run/checkpoints")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"step-000001.safetensors", "step-000002.safetensors"}));
  task.on_loss = nullptr;
  EXPECT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
}

}  // namespace
}  // namespace defound::testing
