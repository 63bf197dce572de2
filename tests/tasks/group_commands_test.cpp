#include <gtest/gtest.h>

#include <csignal>

#include "defound/config/json.h"
#include "defound/run/metrics_log.h"
#include "support/started_group.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::EndedGroup;
using Codes = std::vector<int>;

/// Commands as a launcher starts them: several processes that make one run.
class GroupCommand : public ::testing::Test {
 protected:
  GroupCommand() { expect_done("defound-data phantom --modality cxr --count 120 --size 16 --seed 1 --threads 1 --output data"); }

  void expect_done(const std::string& line) {
    const auto result = testing::run_command("cd " + folder_.path().string() + " && " + line);
    ASSERT_EQ(result.exit_code, 0) << line << "\n" << result.output;
  }
  EndedGroup run(int64_t size, const std::string& command, const std::string& meanwhile = "", const std::vector<std::string>& before = {}) {
    return testing::run_started_group(folder_.path(), size, command, meanwhile, before);
  }
  void expect_all(const EndedGroup& ended, int code) const {
    for (size_t rank = 0; rank < ended.exit_codes.size(); ++rank) EXPECT_EQ(ended.exit_codes[rank], code) << "rank " << rank << "\n" << ended.outputs[rank];
  }
  /// Values of a column of a run's metrics, by step.
  std::map<int64_t, double> column(const std::string& run_folder, const std::string& name) const {
    std::map<int64_t, double> values;
    for (const auto& row : read_metrics(folder_ / (run_folder + "/metrics.jsonl")))
      for (const auto& [key, value] : row.values) if (key == name) values[row.step] = value;
    return values;
  }
  void expect_close(const std::string& found, const std::string& expected, const std::string& name, double tolerance) const {
    const auto values = column(found, name), wanted = column(expected, name);
    ASSERT_EQ(values.size(), wanted.size());
    ASSERT_FALSE(wanted.empty());
    for (const auto& [step, value] : wanted) EXPECT_NEAR(values.at(step), value, tolerance * std::abs(value)) << name << " at step " << step;
  }
  /// One process with accumulation, and groups: the same losses of the first 20 steps, the same validation.
  void expect_equal_training(const std::string& command, const std::string& precision, double tolerance) {
    const std::string line = command + " --max_train_steps 20 --batch_size 7 --ema_decay 0.9 --log_every 1 --seed 5 --precision " + precision;
    expect_done(line + " --micro_batch_size 2 --threads 1 --output alone-" + precision);
    for (const int64_t size : {2, 4}) {
      const std::string name = fmt::format("by{}-{}", size, precision);
      expect_all(run(size, line + (size == 2 ? " --micro_batch_size 3" : "") + " --output " + name), 0);
      for (const char* value : {"loss", "grad_norm", "val_loss"})
        if (!column("alone-" + precision, value).empty()) expect_close(name, "alone-" + precision, value, tolerance);
      EXPECT_EQ(column(name, "loss").size(), 20u);
      EXPECT_TRUE(is_there(folder_ / (name + "/DONE")));
      EXPECT_TRUE(is_there(folder_ / (name + "/report.html")));
    }
  }
  int64_t newest_checkpoint(const std::string& run_folder) const {
    int64_t newest = 0;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder_ / (run_folder + "/checkpoints"), none))
      if (const std::string stem = entry.path().stem().string(); stem.starts_with("step-")) newest = std::max<int64_t>(newest, std::stoll(stem.substr(5)));
    return newest;
  }

  testing::TempFolder folder_;
  const std::string vit_ = " --data data --model tiny --input_size 16 --patch_size 8 --learning_rate 1e-3";
  const std::string pretrain_ = "defound-pretrain" + vit_ + " --batch_size 8 --log_every 1 --seed 5 --timeout_seconds 12";
  const std::string generator_ = "defound-train-generator --data data --unet tiny --resolution 8 --sample_steps 2";
};

TEST_F(GroupCommand, PretrainingEqualsOneProcess) {
  expect_equal_training("defound-pretrain" + vit_, "fp64", 1e-10);
  expect_equal_training("defound-pretrain" + vit_, "fp32", 1e-5);
}

TEST_F(GroupCommand, FinetuningEqualsOneProcess) {
  expect_equal_training("defound-finetune" + vit_ + " --drop_path 0.2", "fp64", 1e-10);
  expect_close("by4-fp64", "alone-fp64", "val_auroc", 1e-10);
  expect_equal_training("defound-finetune" + vit_ + " --drop_path 0.2", "fp32", 1e-5);
}

TEST_F(GroupCommand, GeneratorTrainingEqualsOneProcess) {
  expect_equal_training(generator_ + " --condition_dropout 0.3 --noise_offset 0.1", "fp64", 1e-10);
  expect_equal_training(generator_ + " --condition_dropout 0.3 --noise_offset 0.1", "fp32", 1e-5);
}

TEST_F(GroupCommand, ASignalToOneProcessStopsAllAfterTheSameStepAndTheResumedRunIsTheUnbrokenOne) {
  const std::string line = pretrain_ + " --max_train_steps 40";
  expect_all(run(2, line + " --output whole"), 0);
  for (const int rank : {1, 0}) {
    const std::string when = fmt::format("until grep -q '\"step\":{},' parts/metrics.jsonl 2> /dev/null; do sleep 0.01; done; ", rank == 1 ? 8 : 20);
    const EndedGroup ended = run(2, line + " --resume auto --output parts", when + fmt::format("kill -{} $pid{}", rank == 1 ? "USR1" : "TERM", rank));
    expect_all(ended, 75);
    EXPECT_NE(ended.outputs[0].find(fmt::format("stopped by {} on rank {}", rank == 1 ? "SIGUSR1" : "SIGTERM", rank)), std::string::npos) << ended.outputs[0];
    EXPECT_FALSE(is_there(folder_ / "parts/DONE"));
  }
  expect_all(run(2, line + " --resume auto --output parts"), 0);
  EXPECT_EQ(column("parts", "loss"), column("whole", "loss"));
  EXPECT_TRUE(read_text(folder_ / "parts/mae.safetensors") == read_text(folder_ / "whole/mae.safetensors"));
  expect_all(run(2, line + " --resume auto --output parts"), 0);   // done: leaves at once
  const auto plan = testing::run_command("cd " + folder_.path().string() + " && " + line + " --resume auto --output parts --dry_run");
  EXPECT_NE(plan.output.find("images/s by 2 processes in parts: "), std::string::npos) << plan.output;
  const EndedGroup planned = run(2, line + " --resume auto --output parts --dry_run");
  expect_all(planned, 0);
  EXPECT_NE(planned.outputs[0].find("optimizer steps"), std::string::npos);
  EXPECT_EQ(planned.outputs[1].find("optimizer steps"), std::string::npos) << planned.outputs[1];
}

TEST_F(GroupCommand, AShardedGeneratorIsTheSameGenerator) {
  const std::string line = generator_ + " --max_train_steps 60 --batch_size 8 --log_every 1 --seed 5 --precision bf16 --ema_decay 0.9 --sample_every 20 --sample_count 2";
  expect_all(run(2, line + " --output whole"), 0);
  const std::string sharded = line + " --shard_optimizer --checkpoint_minutes 0 --resume auto --output sharded";
  const std::string at_6 = "until grep -q '\"step\":6,' sharded/metrics.jsonl 2> /dev/null; do sleep 0.01; done; kill -TERM $pid1";
  expect_all(run(2, sharded, at_6), 75);
  EXPECT_TRUE(is_there(folder_ / fmt::format("sharded/checkpoints/step-{:06}.part-1.safetensors", newest_checkpoint("sharded"))));
  expect_all(run(2, sharded), 0);
  EXPECT_EQ(column("sharded", "loss"), column("whole", "loss"));
  for (const char* file : {"generator/unet/diffusion_pytorch_model.safetensors", "samples/step-000040-samples.png"}) {
    ASSERT_TRUE(is_there(folder_ / ("whole/" + std::string(file)))) << file;
    EXPECT_TRUE(read_text(folder_ / ("sharded/" + std::string(file))) == read_text(folder_ / ("whole/" + std::string(file)))) << file;
  }
  const auto plan = testing::run_command("cd " + folder_.path().string() + " && " + line + " --shard_optimizer --output plan --dry_run");
  EXPECT_NE(plan.output.find("of which spread"), std::string::npos) << plan.output;
}

TEST_F(GroupCommand, ALostProcessIsNamedAndEndsAllWithoutANewCheckpoint) {
  const std::string line = pretrain_ + " --max_train_steps 100000 --checkpoint_minutes 1000 --output ";
  struct Fault {
    const char *signal, *cause;
    int64_t rank;
  };
  for (const Fault& fault : {Fault{"KILL", "rank 1 (", 1}, {"KILL", "rank 0 (", 0}, {"STOP", "rank 1 (", 1}, {"STOP", "rank 0 (", 0}}) {
    const std::string name = fmt::format("{}-{}", fault.signal, fault.rank);
    const std::string when = fmt::format("until grep -q '\"step\":6,' {}/metrics.jsonl 2> /dev/null; do sleep 0.01; done; kill -{} $pid{}; ", name, fault.signal, fault.rank);
    std::string others;
    for (int64_t rank = 0; rank < 3; ++rank) if (rank != fault.rank) others += fmt::format("wait $pid{}; ", rank);
    // exit codes of processes that were waited for already are remembered by bash
    const EndedGroup ended = run(3, line + name, when + others + fmt::format("kill -KILL $pid{} 2> /dev/null", fault.rank));
    for (int64_t rank = 0; rank < 3; ++rank) {
      if (rank == fault.rank) continue;
      const auto at = static_cast<size_t>(rank);
      EXPECT_EQ(ended.exit_codes[at], 1) << name << ", rank " << rank << "\n" << ended.outputs[at];
      const size_t error = ended.outputs[at].find("error");
      EXPECT_NE(ended.outputs[at].find(fault.cause, error), std::string::npos) << name << ", rank " << rank << "\n" << ended.outputs[at];
    }
    EXPECT_EQ(newest_checkpoint(name), 0);
  }
}

TEST_F(GroupCommand, ADiskThatIsFullForTheLeaderEndsAll) {
  const EndedGroup ended = run(2, pretrain_ + " --max_train_steps 30 --checkpoint_minutes 0 --output full", "", {"ulimit -f 40;"});
  expect_all(ended, 1);
  for (const auto& output : ended.outputs) EXPECT_NE(output.find("cannot write"), std::string::npos) << output;
  EXPECT_EQ(newest_checkpoint("full"), 0);
}

TEST_F(GroupCommand, WhatTheLeaderRejectsEndsAllWithItsCode) {
  folder_.write("taken/note.txt", "mine");
  const EndedGroup ended = run(2, pretrain_ + " --max_train_steps 30 --output taken");
  expect_all(ended, 2);
  for (const auto& output : ended.outputs) EXPECT_NE(output.find("is not empty"), std::string::npos) << output;
  EXPECT_EQ(read_text(folder_ / "taken/note.txt"), "mine");
}

TEST_F(GroupCommand, OtherOptionsInOneProcessAreNamed) {
  const EndedGroup ended = run(2, "bash -c 'exec " + pretrain_ + " --max_train_steps 3$RANK --output run'");
  expect_all(ended, 2);
  for (const auto& output : ended.outputs) EXPECT_NE(output.find("rank 1 was started with other options than rank 0 (max_train_steps"), std::string::npos) << output;
  const EndedGroup sharded = run(2, "bash -c 'exec " + pretrain_ + " --max_train_steps 3 --output run $( ((RANK == 1)) && echo --shard_optimizer )'");
  expect_all(sharded, 2);
  EXPECT_NE(sharded.outputs[0].find("(shard_optimizer: false -> true)"), std::string::npos) << sharded.outputs[0];
  EXPECT_FALSE(is_there(folder_ / "run"));
}

TEST_F(GroupCommand, EvaluationCountsEachImageOnce) {
  expect_done("defound-finetune" + vit_ + " --max_train_steps 20 --batch_size 8 --threads 1 --output cls");
  const std::string line = "defound-evaluate --model cls --data data --split test --resamples 50 --output ";
  expect_done(line + "alone --threads 1");
  expect_all(run(3, line + "group"), 0);
  EXPECT_EQ(read_text(folder_ / "group/predictions.csv").size(), read_text(folder_ / "alone/predictions.csv").size());
  const Json alone = parse_json(read_text(folder_ / "alone/metrics.json"), "alone"), group = parse_json(read_text(folder_ / "group/metrics.json"), "group");
  EXPECT_NEAR(group.at("metrics").at("macro_auroc").at("value").get<double>(), alone.at("metrics").at("macro_auroc").at("value").get<double>(), 1e-9);
}

TEST_F(GroupCommand, SynthesisIsSharedAndMerged) {
  expect_done(generator_ + " --max_train_steps 2 --batch_size 8 --threads 1 --output gen");
  const std::string line = "defound-synthesize --generator gen/generator --count 7 --steps 3 --seed 4 --batch_size 1 --output ";
  expect_done(line + "alone --threads 1");
  expect_all(run(3, line + "group"), 0);
  EXPECT_EQ(read_text(folder_ / "group/manifest.csv"), read_text(folder_ / "alone/manifest.csv"));
  for (int i = 0; i < 7; ++i) {
    const std::string name = fmt::format("pneumonia/pneumonia_{:06}.png", i);
    EXPECT_TRUE(read_text(folder_ / ("group/" + name)) == read_text(folder_ / ("alone/" + name))) << name;
  }
  EXPECT_TRUE(is_there(folder_ / "group/DONE"));
  expect_all(run(3, line + "group --resume auto"), 0);
}

}  // namespace
}  // namespace defound
