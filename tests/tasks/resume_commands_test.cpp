#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/image/image_io.h"
#include "defound/run/metrics_log.h"
#include "support/command.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

constexpr int64_t kSteps = 27, kBreak = 13, kStepsPerEpoch = 10;

/// Commands that are broken off from outside, as a batch system or a power cut does it, and given once more.
class BrokenCommand : public ::testing::Test {
 protected:
  BrokenCommand() { expect_exit(0, "defound-data phantom --modality cxr --count 120 --size 16 --seed 1 --threads 1 --output data"); }

  testing::CommandResult run(const std::string& line) { return testing::run_command("cd " + folder_.path().string() + " && " + line); }
  void expect_exit(int code, const std::string& line) {
    const auto result = run(line);
    ASSERT_EQ(result.exit_code, code) << line << "\n" << result.output;
  }
  /// Runs the line, sends the signal once the shell's `condition` holds (looked at a hundred times a second).
  void expect_exit_after(const std::string& signal, const std::string& condition, int code, const std::string& line) {
    expect_exit(code, "{ " + line + " & pid=$!; until " + condition + " 2> /dev/null || ! kill -0 $pid; do sleep 0.01; done; kill -" + signal + " $pid; wait $pid; }");
  }

  /// One unbroken run; another that gets the signal in the middle of the second epoch and goes on in a new process with
  /// other workers: the same losses and products bit for bit.
  void expect_same_when_broken(const std::string& command, const std::string& signal, int code, const std::vector<std::string>& products) {
    const std::string line = command + fmt::format(" --max_train_steps {} --batch_size 8 --micro_batch_size 4 --ema_decay 0.9 --log_every 1 --seed 5 --threads 1", kSteps);
    expect_exit(0, line + " --num_workers 1 --output whole");
    expect_exit_after(signal, fmt::format("grep -q '\"step\":{},' parts/metrics.jsonl", kBreak), code, line + " --num_workers 0 --checkpoint_minutes 0 --output parts");
    const int64_t saved = newest_checkpoint();
    EXPECT_NE(saved % kStepsPerEpoch, 0);
    EXPECT_GE(kSteps - saved, 10);
    expect_exit(0, line + " --num_workers 3 --resume must --output parts");
    const auto losses = losses_of("whole");
    EXPECT_EQ(losses.size(), static_cast<size_t>(kSteps));
    EXPECT_EQ(losses_of("parts"), losses);
    for (const auto& product : products) EXPECT_TRUE(read_text(folder_ / ("parts/" + product)) == read_text(folder_ / ("whole/" + product))) << product;
  }

  int64_t newest_checkpoint() const {
    int64_t newest = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / "parts/checkpoints"))
      if (const std::string stem = entry.path().stem().string(); stem.starts_with("step-")) newest = std::max<int64_t>(newest, std::stoll(stem.substr(5)));
    return newest;
  }
  std::vector<double> losses_of(const std::string& run_folder) const {
    std::vector<double> values;
    for (const auto& row : read_metrics(folder_ / (run_folder + "/metrics.jsonl")))
      for (const auto& [name, value] : row.values)
        if (name == "loss") values.push_back(value);
    return values;
  }

  testing::TempFolder folder_;
  const std::string vit_ = " --data data --model tiny --input_size 16 --patch_size 8 --learning_rate 1e-3";
  const std::string generator_ = "defound-train-generator --data data --unet tiny --resolution 8 --sample_steps 2";
};

TEST_F(BrokenCommand, PretrainingGoesOnAfterAKill) {
  expect_same_when_broken("defound-pretrain" + vit_, "KILL", 128 + SIGKILL, {"mae.safetensors", "encoder.safetensors"});
}

TEST_F(BrokenCommand, FinetuningGoesOnAfterASignal) {
  expect_same_when_broken("defound-finetune" + vit_ + " --drop_path 0.2", "TERM", 75, {"best.safetensors", "last.safetensors", "classes.json"});
}

TEST_F(BrokenCommand, GeneratorTrainingGoesOnAfterAKill) {
  expect_same_when_broken(generator_ + " --condition_dropout 0.3 --noise_offset 0.1", "KILL", 128 + SIGKILL,
                          {"generator/unet/diffusion_pytorch_model.safetensors", "generator/condition/model.safetensors"});
}

TEST_F(BrokenCommand, AdapterTrainingGoesOnAfterASignal) {
  expect_exit(0, generator_ + " --max_train_steps 2 --batch_size 8 --threads 1 --output base");
  expect_same_when_broken("defound-train-generator --data data --init base/generator --resolution 8 --sample_steps 2 --lora_rank 2 --learning_rate 1e-2 "
                          "--sample_every 9 --sample_count 1 --condition_mixing_alpha 0.5 --gradient_checkpointing",
                          "TERM", 75, {"pytorch_lora_weights.safetensors", "samples/step-000018-samples.png", "samples/step-000027-samples.png"});
  const auto merged = run("defound-weights merge base/generator --lora whole:0.5 --lora parts:0.5 --output merged");
  EXPECT_EQ(merged.exit_code, 0) << merged.output;
  EXPECT_EQ(run("defound-weights merge base/generator --lora whole --output merged").exit_code, 2);   // it is there already
  EXPECT_EQ(run("defound-weights merge base/generator --output other").exit_code, 2);
  EXPECT_EQ(run("defound-weights merge base/generator --lora base/generator/unet --output other").exit_code, 2);
  expect_exit(0, "defound-weights merge base/generator --lora whole --output once && defound-weights diff merged/unet/diffusion_pytorch_model.safetensors "
                 "once/unet/diffusion_pytorch_model.safetensors --tolerance 1e-5");
}

/// A comma does not end a prompt.
TEST_F(BrokenCommand, PromptsMayHoldCommas) {
  const auto printed = run("defound-train-generator --prompt_template 'a clear, sharp photo of {label}' --prompt_template '{label}' --lora_target to_q,to_k --print_config");
  EXPECT_EQ(printed.exit_code, 0);
  const Json config = parse_json(printed.output, "printed");
  EXPECT_EQ(config["prompt_template"], Json({"a clear, sharp photo of {label}", "{label}"}));
  EXPECT_EQ(config["lora_target"], Json({"to_q", "to_k"}));
}

TEST_F(BrokenCommand, SynthesisGoesOnAfterAKillAndItsBatchChangesNoImage) {
  expect_exit(0, generator_ + " --max_train_steps 2 --batch_size 8 --threads 1 --output gen");
  const std::string line = "defound-synthesize --generator gen/generator --count 12 --steps 10 --seed 4 --threads 1";
  expect_exit(0, line + " --batch_size 1 --output whole");
  expect_exit_after("KILL", "test -e parts/pneumonia/pneumonia_000002.png", 128 + SIGKILL, line + " --batch_size 1 --output parts");
  EXPECT_FALSE(fs::exists(folder_ / "parts/manifest.csv"));
  EXPECT_FALSE(fs::exists(folder_ / "parts/pneumonia/pneumonia_000011.png"));
  expect_exit(0, line + " --batch_size 1 --resume must --output parts");
  expect_exit(0, line + " --batch_size 8 --output by8");
  EXPECT_EQ(read_text(folder_ / "parts/manifest.csv"), read_text(folder_ / "whole/manifest.csv"));
  for (const char* label : {"no_finding", "pneumonia"})
    for (int i = 0; i < 12; ++i) {
      const std::string name = fmt::format("{0}/{0}_{1:06}.png", label, i);
      EXPECT_TRUE(read_text(folder_ / ("parts/" + name)) == read_text(folder_ / ("whole/" + name))) << name;
      const Image one = read_image(folder_ / ("whole/" + name)), eight = read_image(folder_ / ("by8/" + name));
      for (size_t p = 0; p < one.pixels.size(); ++p) ASSERT_NEAR(one.pixels[p], eight.pixels[p], 1) << name;
    }
}

}  // namespace
}  // namespace defound
