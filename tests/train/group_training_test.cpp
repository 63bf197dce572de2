#include <gtest/gtest.h>

#include <csignal>
#include <limits>
#include <numeric>
#include <set>

#include "defound/train/optimizer.h"
#include "defound/train/training_state.h"
#include "support/group_threads.h"
#include "support/temp_folder.h"
#include "train/made_up_task.h"

namespace defound::testing {
namespace {

/// The made-up training by `size` processes (threads here); the exit codes by rank.
std::vector<ExitCode> train_in_group(int64_t size, LoopOptions options, const fs::path& folder,
                                     const std::function<void(MadeUpTask& task, int64_t rank)>& prepare = {}) {
  std::vector<std::unique_ptr<MadeUpTask>> tasks;  // made one after another: their weights come from LibTorch's own generator
  for (int64_t rank = 0; rank < size; ++rank) {
    tasks.push_back(std::make_unique<MadeUpTask>());
    if (prepare) prepare(*tasks.back(), rank);
  }
  std::vector<ExitCode> codes(static_cast<size_t>(size));
  const StopSignal stop;
  run_whole_group(size, [&, options](Group& group) {
    MadeUpTask& task = *tasks[static_cast<size_t>(group.rank())];
    std::optional<RunDir> run;
    if (group.is_leader()) run.emplace(open_run(folder));
    const bool continued = group.share(run && run->is_continued() ? "yes" : "no") == "yes";
    if (!run) run.emplace(RunDir::follow(folder, continued, false));
    LoopOptions own = options;
    own.group = &group;
    Objective objective = task.objective(*run);
    codes[static_cast<size_t>(group.rank())] = train(objective, task.data, own, *run);
  });
  return codes;
}

void expect_close_runs(const fs::path& found, const fs::path& expected, double tolerance) {
  const auto rows = metrics_without_times(found), wanted = metrics_without_times(expected);
  ASSERT_EQ(rows.size(), wanted.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].step, wanted[i].step);
    ASSERT_EQ(rows[i].values.size(), wanted[i].values.size());
    for (size_t k = 0; k < rows[i].values.size(); ++k) {
      const auto& [name, value] = rows[i].values[k];
      EXPECT_EQ(name, wanted[i].values[k].first);
      EXPECT_NEAR(value, wanted[i].values[k].second, tolerance * std::max(1e-3, std::abs(value))) << name << " at step " << rows[i].step;
    }
  }
}

struct Case {
  int64_t processes, batch_size, micro_batch_size;
};
class GroupTraining : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Shares, GroupTraining, ::testing::Values(Case{2, 8, 0}, Case{4, 8, 1}, Case{2, 7, 3}, Case{4, 7, 0}, Case{3, 8, 2}),
                         [](const auto& info) { return fmt::format("{}processes{}images{}", info.param.processes, info.param.batch_size, info.param.micro_batch_size); });

TEST_P(GroupTraining, EqualsOneProcessWithAccumulation) {
  const TempFolder folder;
  for (const auto& [precision, tolerance] : {std::pair{torch::kFloat64, 1e-10}, {torch::kFloat32, 1e-5}}) {
    LoopOptions options = made_up_options();
    options.precision = precision;
    options.train.batch_size = GetParam().batch_size;
    options.train.micro_batch_size = 3;
    options.train.max_train_steps = 20;
    const std::string name = c10::toString(precision);
    MadeUpTask alone;
    ASSERT_EQ(train_made_up(alone, options, folder / (name + "-alone")), ExitCode::kDone);
    options.train.micro_batch_size = GetParam().micro_batch_size;
    for (const ExitCode code : train_in_group(GetParam().processes, options, folder / name)) EXPECT_EQ(code, ExitCode::kDone);
    ASSERT_GT(metrics_without_times(folder / name).size(), 20u);  // each step, and validations
    expect_close_runs(folder / name, folder / (name + "-alone"), tolerance);
  }
}

TEST(GroupTraining, BucketsOfCastGradientsSumInFp32) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.precision = torch::kBFloat16;
  MadeUpTask alone;
  ASSERT_EQ(train_made_up(alone, options, folder / "alone"), ExitCode::kDone);
  train_in_group(2, options, folder / "group");
  expect_close_runs(folder / "group", folder / "alone", 0.05);  // bf16 has 8 bits; other micro-batches round otherwise
}

/// Started by 4, then 1, then 2, each stopped, then 3 processes.
void expect_another_number_goes_on(bool sharded, torch::Dtype precision, double tolerance) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.precision = precision;
  options.train.micro_batch_size = 0;
  MadeUpTask alone;
  ASSERT_EQ(train_made_up(alone, options, folder / "alone"), ExitCode::kDone);
  options.train.shard_optimizer = sharded;
  int64_t at = 4;
  for (const int64_t processes : {4, 1, 2}) {
    const auto codes = train_in_group(processes, options, folder / "changing", [&](MadeUpTask& task, int64_t rank) {
      task.on_loss = [at, last = rank == processes - 1](int64_t call) {
        if (last && call == at) raise(SIGTERM);
      };
    });
    for (const ExitCode code : codes) EXPECT_EQ(code, ExitCode::kSaved);
    at += 1;
  }
  for (const ExitCode code : train_in_group(3, options, folder / "changing")) EXPECT_EQ(code, ExitCode::kDone);
  expect_close_runs(folder / "changing", folder / "alone", tolerance);
}

TEST(GroupTraining, GoesOnWithAnotherNumberOfProcesses) { expect_another_number_goes_on(/*sharded=*/false, torch::kFloat64, 1e-10); }
TEST(GroupTraining, ShardedItGoesOnWithAnotherNumberOfProcesses) {
  expect_another_number_goes_on(/*sharded=*/true, torch::kFloat64, 1e-10);
  expect_another_number_goes_on(/*sharded=*/true, torch::kBFloat16, 0.05);
}

TEST(GroupTraining, AShardedOptimizerTakesTheSameStepsFromLessMemoryAndResumesEitherWay) {
  const TempFolder folder;
  for (const torch::Dtype precision : {torch::kFloat32, torch::kBFloat16}) {
    LoopOptions options = made_up_options();
    options.precision = precision;
    const std::string name = c10::toString(precision);
    train_in_group(3, options, folder / (name + "-whole"));
    options.train.shard_optimizer = true;
    const auto stopping = [](MadeUpTask& task, int64_t rank) {
      task.on_loss = [rank](int64_t call) {
        if (rank == 1 && call == 9) raise(SIGTERM);
      };
    };
    for (const ExitCode code : train_in_group(3, options, folder / (name + "-sharded"), stopping)) EXPECT_EQ(code, ExitCode::kSaved);
    options.train.shard_optimizer = false;
    for (const ExitCode code : train_in_group(3, options, folder / (name + "-sharded"), [](MadeUpTask& task, int64_t rank) {
           task.on_loss = [rank](int64_t call) {
             if (rank == 2 && call == 4) raise(SIGTERM);
           };
         }))
      EXPECT_EQ(code, ExitCode::kSaved);
    options.train.shard_optimizer = true;
    train_in_group(3, options, folder / (name + "-sharded"));
    expect_close_runs(folder / (name + "-sharded"), folder / (name + "-whole"), 0);
    EXPECT_EQ(read_text(folder / (name + "-sharded/last.safetensors")), read_text(folder / (name + "-whole/last.safetensors")));
  }
}

TEST(GroupTraining, ShardedEachProcessWritesItsPartOnly) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.precision = torch::kBFloat16;
  options.train.shard_optimizer = true;
  train_in_group(3, options, folder / "run");
  const fs::path file = checkpoint_file(folder / "run/checkpoints", 20);
  std::set<std::string> seen;
  for (const int64_t rank : {0, 1, 2}) {
    const TensorMap tensors = load_safetensors(checkpoint_part(file, rank)).tensors;
    size_t owned = 0;
    for (const auto& [name, tensor] : tensors) {
      EXPECT_TRUE(seen.insert(name).second) << name << " is in two parts";
      if (!name.starts_with("model/")) continue;
      ++owned;
      for (const char* kind : {"exp_avg/", "exp_avg_sq/", "ema/"}) EXPECT_TRUE(tensors.contains(kind + name.substr(6))) << kind << name << " is not in part " << rank;
    }
    EXPECT_GT(owned, 0u) << rank;
  }
  EXPECT_EQ(seen.size(), load_checkpoint(file).tensors.size());
}

TEST(GroupTraining, ShardedAProcessHoldsMastersAndAveragesOfItsOwn) {
  std::vector<MadeUpTask> tasks(2);
  LoopOptions options = made_up_options();
  options.precision = torch::kBFloat16;
  options.train.shard_optimizer = true;
  std::vector<std::vector<bool>> masters(2), averages(2);
  const TempFolder folder;
  run_whole_group(2, [&](Group& group) {
    const RunDir run = group.is_leader() ? open_run(folder / "run") : RunDir::follow(folder / "run", false, false);
    Objective objective = tasks[group.rank()].objective(run);
    TrainingState state(objective, options, group);
    state.broadcast();
    for (const auto& master : state.weights.masters()) masters[group.rank()].push_back(master.defined());
    for (const auto& average : state.ema->values()) averages[group.rank()].push_back(average.defined());
  });
  ASSERT_FALSE(masters[0].empty());
  for (size_t i = 0; i < masters[0].size(); ++i) EXPECT_NE(masters[0][i], masters[1][i]) << i;
  EXPECT_EQ(averages, masters);
}

TEST(GroupTraining, OfThreeIsBitEqualWhenResumed) {
  const TempFolder folder;
  const LoopOptions options = made_up_options();
  train_in_group(3, options, folder / "whole");
  for (const int64_t call : {2, 7})
    for (const ExitCode code : train_in_group(3, options, folder / "broken", [call](MadeUpTask& task, int64_t rank) {
           task.on_loss = [rank, call](int64_t now) {
             if (rank == 1 && now == call) raise(SIGTERM);
           };
         }))
      EXPECT_EQ(code, ExitCode::kSaved);
  train_in_group(3, options, folder / "broken");
  expect_close_runs(folder / "broken", folder / "whole", 0);
  EXPECT_EQ(read_text(folder / "broken/last.safetensors"), read_text(folder / "whole/last.safetensors"));
}

TEST(GroupTraining, MomentsAreSpreadEvenly) {
  std::vector<int64_t> bytes(4);
  MadeUpNet net;
  const auto groups = weight_decay_groups(net, 0);
  std::vector<torch::Tensor> masters;
  for (const auto& group : groups) for (const auto& param : group.params) masters.push_back(param.detach());
  run_whole_group(4, [&](Group& group) {
    const Ownership ownership(groups, group, true, torch::kFloat32);
    bytes[static_cast<size_t>(group.rank())] = AdamW(groups, masters, {}, &ownership).moment_bytes();
  });
  Group alone;
  const Ownership all(groups, alone, true, torch::kFloat32);
  EXPECT_EQ(std::accumulate(bytes.begin(), bytes.end(), int64_t{0}), AdamW(groups, masters, {}, &all).moment_bytes());
  EXPECT_LT(*std::max_element(bytes.begin(), bytes.end()), 8 * (16 * 24 + 1));  // the largest tensor goes to one process
}

TEST(GroupTraining, ALossThatIsNotFiniteOnOneProcessIsSkippedByAll) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.precision = torch::kFloat64;
  options.train.micro_batch_size = 0;
  const auto broken_at_7 = [](MadeUpTask& task, int64_t rank) {
    if (rank == 0) task.on_loss = [&task](int64_t call) { task.factor = call == 7 ? std::numeric_limits<double>::quiet_NaN() : 1; };
  };
  MadeUpTask alone;
  broken_at_7(alone, 0);
  ASSERT_EQ(train_made_up(alone, options, folder / "alone"), ExitCode::kDone);
  for (const ExitCode code : train_in_group(2, options, folder / "group", [&](MadeUpTask& task, int64_t rank) { broken_at_7(task, 1 - rank); }))
    EXPECT_EQ(code, ExitCode::kDone);
  const auto rows = metrics_without_times(folder / "group");
  EXPECT_EQ(rows.back().values.size(), metrics_without_times(folder / "alone").back().values.size());
  const TensorMap found = load_safetensors(folder / "group/last.safetensors").tensors, expected = load_safetensors(folder / "alone/last.safetensors").tensors;
  for (const auto& [name, weight] : expected) EXPECT_TRUE(torch::allclose(found.at(name), weight, 1e-6, 1e-7)) << name;
}

TEST(GroupTraining, FiveSuchStepsInARowEndAll) {
  const TempFolder folder;
  MadeUpTask tasks[2];
  tasks[1].factor = std::numeric_limits<double>::infinity();
  const auto errors = run_group(2, [&](Group& group) {
    MadeUpTask& task = tasks[group.rank()];
    std::optional<RunDir> run;
    run.emplace(group.is_leader() ? open_run(folder / "run") : RunDir::follow(folder / "run", false, false));
    LoopOptions options = made_up_options();
    options.group = &group;
    Objective objective = task.objective(*run);
    train(objective, task.data, options, *run);
  });
  for (const auto& error : errors) EXPECT_NE(message_of(error).find("not finite in 5 steps in a row"), std::string::npos) << message_of(error);
  EXPECT_FALSE(fs::exists(folder / "run/checkpoints"));
}

TEST(GroupTraining, OtherWeightsOnOneProcessAreReplacedByTheLeadersAtTheStart) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  MadeUpTask alone;
  ASSERT_EQ(train_made_up(alone, options, folder / "alone"), ExitCode::kDone);
  train_in_group(2, options, folder / "group", [](MadeUpTask& task, int64_t rank) {
    const torch::NoGradGuard no_grad;
    if (rank == 1) task.net.head->weight.fill_(3);
  });
  expect_close_runs(folder / "group", folder / "alone", 1e-4);
}

TEST(GroupTraining, WeightsThatDriftApartAreFoundAtTheNextCheckpoint) {
  const TempFolder folder;
  MadeUpTask tasks[2];
  tasks[1].on_loss = [&](int64_t call) {
    const torch::NoGradGuard no_grad;
    if (call == 5) tasks[1].net.head->bias.data()[2] += 1e-3;
  };
  const auto errors = run_group(2, [&](Group& group) {
    std::optional<RunDir> run;
    run.emplace(group.is_leader() ? open_run(folder / "run") : RunDir::follow(folder / "run", false, false));
    LoopOptions options = made_up_options();
    options.group = &group;
    Objective objective = tasks[group.rank()].objective(*run);
    train(objective, tasks[group.rank()].data, options, *run);
  });
  for (const auto& error : errors)
    EXPECT_NE(message_of(error).find("the weights at step 20 of rank 1 differ from those of rank 0"), std::string::npos) << message_of(error);
  EXPECT_FALSE(fs::exists(folder / "run/checkpoints"));
}

TEST(GroupTraining, ABatchMustHaveAnImageForEach) {
  const TempFolder folder;
  LoopOptions options = made_up_options();
  options.train.batch_size = 2;
  const auto errors = run_group(3, [&](Group& group) {
    MadeUpTask task;
    std::optional<RunDir> run;
    run.emplace(group.is_leader() ? open_run(folder / "run") : RunDir::follow(folder / "run", false, false));
    LoopOptions own = options;
    own.group = &group;
    Objective objective = task.objective(*run);
    train(objective, task.data, own, *run);
  });
  EXPECT_NE(message_of(errors[0]).find("a batch_size of 2 gives 3 processes no image each"), std::string::npos) << message_of(errors[0]);
}

}  // namespace
}  // namespace defound::testing
