#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "defound/config/json.h"
#include "defound/models/merge_lora.h"
#include "defound/run/metrics_log.h"
#include "defound/run/provenance.h"
#include "defound/tasks/synthesize.h"
#include "defound/tasks/train_generator.h"
#include "defound/tasks/weights_merge.h"
#include "support/expect_error.h"
#include "support/made_images.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::expect_error;

const fs::path kAdaptedBase = fs::path(DEFOUND_GOLDENS) / "stable_diffusion";
constexpr const char* kAdapterFile = "pytorch_lora_weights.safetensors";

/// Trains adapters of the golden's Stable Diffusion on made images of two labels.
class LoraTraining : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string rows = "path,label\n";
    for (int i = 0; i < 8; ++i) {
      testing::write_made_image(folder_.path(), fmt::format("{}.png", i), i);
      rows += fmt::format("{}.png,{}\n", i, i % 2 == 0 ? "macular_hole" : "epiretinal_membrane");
    }
    folder_.write("manifest.csv", rows);
  }

  TrainGeneratorConfig training(const std::string& output) const {
    TrainGeneratorConfig config;
    config.data.data = {(folder_ / "manifest.csv").string()};
    config.init = kAdaptedBase.string();
    config.prompt_template = {"a photo of {label}"};
    config.resolution = 16;
    config.lora_rank = 2;
    config.lora_alpha = 4;
    config.sample_steps = 2;
    config.sample_count = 2;
    config.train.learning_rate = 0.05;
    config.train.max_train_steps = 6;
    config.train.batch_size = 4;
    config.train.ema_decay = 0.5;
    config.train.log_every = 1;
    config.run.output = (folder_ / output).string();
    config.execution.num_workers = 1;
    return config;
  }
  ExitCode train(TrainGeneratorConfig config) { return train_generator(config, "train", out_); }
  std::string file(const std::string& name) const { return read_text(folder_ / name); }
  std::vector<double> losses_of(const std::string& run) const {
    std::vector<double> values;
    for (const auto& row : read_metrics(folder_ / run / "metrics.jsonl"))
      for (const auto& [name, value] : row.values)
        if (name == "loss") values.push_back(value);
    return values;
  }

  std::ostringstream out_;
  testing::TempFolder folder_;
};

TEST_F(LoraTraining, WritesTheAdapterAloneAndChecksPointsOfItOnly) {
  ASSERT_EQ(train(training("run")), ExitCode::kDone);
  EXPECT_FALSE(fs::exists(folder_ / "run/generator"));
  EXPECT_TRUE(fs::exists(folder_ / "run/report.html"));
  const LoraAdapter adapter = read_lora(folder_ / "run");
  EXPECT_EQ(adapter.unet.size(), 32u);  // four layers of two attentions in each of four transformer blocks
  double largest = 0;
  for (const auto& [name, layer] : adapter.unet) {
    EXPECT_EQ(layer.scale, 2) << name;
    EXPECT_EQ(layer.down.size(0), 2) << name;
    largest = std::max(largest, layer.up.abs().max().item<double>());
  }
  EXPECT_GT(largest, 0);
  ASSERT_EQ(adapter.labels.size(), 2u);
  EXPECT_EQ(adapter.labels[1].prompt, "a photo of macular hole");
  for (const auto& [name, tensor] : load_safetensors(folder_ / "run/checkpoints/step-000006.safetensors").tensors)
    for (const char* prefix : {"model/", "ema/", "exp_avg/", "exp_avg_sq/"}) {
      EXPECT_TRUE(!name.starts_with(prefix) || name.find(".lora_") != std::string::npos) << name;
    }
  // for scripts/goldens/check_lora.py
  if (const char* kept = std::getenv("DEFOUND_INTERCHANGE"))
    fs::copy_file(folder_ / "run" / kAdapterFile, fs::path(kept) / "trained_lora.safetensors",
                  fs::copy_options::overwrite_existing);
}

TEST_F(LoraTraining, ContinuedItIsTheSameBitForBit) {
  TrainGeneratorConfig config = training("run");
  config.train.checkpoint_minutes = 0;  // every step
  config.train.keep_checkpoints = 10;
  config.sample_every = 2;
  ASSERT_EQ(train(config), ExitCode::kDone);
  const std::string adapter = file(std::string("run/") + kAdapterFile);
  const auto losses = losses_of("run");
  ASSERT_EQ(losses.size(), 6u);
  const std::string samples = file("run/samples/step-000004-samples.png");
  // as a kill in the fourth step leaves it
  for (const char* late :
       {"DONE", "report.html", kAdapterFile, "checkpoints/step-000004.safetensors", "checkpoints/step-000005.safetensors",
        "checkpoints/step-000006.safetensors", "samples/step-000004-samples.png"})
    ASSERT_TRUE(fs::remove(folder_ / "run" / late)) << late;
  config.run.resume = "must";
  config.execution.num_workers = 0;
  ASSERT_EQ(train(config), ExitCode::kDone);
  EXPECT_TRUE(file(std::string("run/") + kAdapterFile) == adapter);
  EXPECT_EQ(losses_of("run"), losses);
  EXPECT_TRUE(file("run/samples/step-000004-samples.png") == samples);
  // nor does sampling change anything
  ASSERT_EQ(train(training("unsampled")), ExitCode::kDone);
  EXPECT_TRUE(file(std::string("unsampled/") + kAdapterFile) == adapter);
  EXPECT_FALSE(fs::exists(folder_ / "unsampled/samples"));
}

TEST_F(LoraTraining, MergedGeneratorsSynthesizeByTheAdaptersLabels) {
  ASSERT_EQ(train(training("run")), ExitCode::kDone);
  WeightsMergeConfig merge;
  merge.base = kAdaptedBase.string();
  merge.lora = {(folder_ / "run").string() + ":0.5"};
  merge.output = (folder_ / "merged").string();
  EXPECT_NE(weights_merge(merge).find("run:0.5 merged"), std::string::npos);
  Generator expected = Generator::load(kAdaptedBase), merged = Generator::load(folder_ / "merged");
  merge_lora(expected, read_lora(folder_ / "run"), 0.5);
  EXPECT_EQ(merged.labels(), (std::vector<std::string>{"epiretinal_membrane", "macular_hole"}));
  const TensorMap weights = load_safetensors(folder_ / "merged/unet/diffusion_pytorch_model.safetensors").tensors;
  for (const auto& item : expected.model->unet->named_parameters())
    EXPECT_TRUE(torch::equal(weights.at(item.key()), item.value())) << item.key();
  // images of the adapter's training are no test set for what the merged generator helps to make
  const Ancestry ancestry = read_ancestry(folder_ / "run");
  EXPECT_EQ(ancestry.image_hashes.size(), 8u);
  EXPECT_EQ(read_ancestry(folder_ / "merged").image_hashes, ancestry.image_hashes);
  // the UNet's file alone
  merge.base = (kAdaptedBase / "unet/diffusion_pytorch_model.safetensors").string();
  merge.output = (folder_ / "unet.safetensors").string();
  weights_merge(merge);
  for (const auto& [name, tensor] : load_safetensors(folder_ / "unet.safetensors").tensors)
    EXPECT_TRUE(torch::equal(tensor, weights.at(name))) << name;

  SynthesizeConfig config;
  config.generator = (folder_ / "merged").string();
  config.count = {"macular_hole=1"};
  config.steps = 2;
  config.run.output = (folder_ / "synthetic").string();
  ASSERT_EQ(synthesize(config, "synthesize", out_), ExitCode::kDone);
  EXPECT_NE(file("synthetic/manifest.csv").find("a photo of macular hole"), std::string::npos);

  SynthesizeConfig adapted = config;  // the same without a merged folder
  adapted.generator = kAdaptedBase.string();
  adapted.lora = merge.lora;
  adapted.run.output = (folder_ / "adapted").string();
  ASSERT_EQ(synthesize(adapted, "synthesize", out_), ExitCode::kDone);
  EXPECT_EQ(read_ancestry(folder_ / "adapted").image_hashes, ancestry.image_hashes);
  EXPECT_EQ(file("adapted/macular_hole/macular_hole_000000.png"), file("synthetic/macular_hole/macular_hole_000000.png"));
  EXPECT_NE(file("adapted/manifest.csv"), file("synthetic/manifest.csv"));  // another generator hash: base and adapter
}

TEST_F(LoraTraining, RunsInHalfPrecisionAndRecomputing) {
  TrainGeneratorConfig config = training("run");
  config.gradient_checkpointing = true;
  ASSERT_EQ(train(config), ExitCode::kDone);
  ASSERT_EQ(train(training("plain")), ExitCode::kDone);
  const TensorMap recomputed = load_safetensors(folder_ / "run" / kAdapterFile).tensors,
                  plain = load_safetensors(folder_ / "plain" / kAdapterFile).tensors;
  for (const auto& [name, tensor] : plain) EXPECT_LT(testing::relative_error(recomputed.at(name), tensor), 1e-4) << name;
  TrainGeneratorConfig half = training("half");
  half.execution.precision = "bf16";
  ASSERT_EQ(train(half), ExitCode::kDone);
  for (const auto& [name, tensor] : load_safetensors(folder_ / "half" / kAdapterFile).tensors)
    EXPECT_EQ(tensor.scalar_type(), torch::kFloat32) << name;
}

TEST_F(LoraTraining, MixedConditionsAreTheSameForAnyMicroBatch) {
  TrainGeneratorConfig config = training("whole");
  config.prompt_template = {"a photo of {label}", "{label}, seen"};
  config.label_drop = 0.3;
  config.condition_mixing_alpha = 0.4;
  config.train.learning_rate = 1e-4;
  ASSERT_EQ(train(config), ExitCode::kDone);
  config.run.output = (folder_ / "parts").string();
  config.train.micro_batch_size = 1;
  ASSERT_EQ(train(config), ExitCode::kDone);
  const auto whole = losses_of("whole"), parts = losses_of("parts");
  ASSERT_EQ(whole.size(), parts.size());
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(parts[i], whole[i], 1e-5 * whole[i]);
  TrainGeneratorConfig plain = training("plain");
  plain.train.learning_rate = 1e-4;
  ASSERT_EQ(train(plain), ExitCode::kDone);
  EXPECT_NE(losses_of("plain"), whole);
}

TEST_F(LoraTraining, WhatCannotStartLeavesNoFolder) {
  const auto rejected = [&](const std::string& part, const std::function<void(TrainGeneratorConfig&)>& change) {
    TrainGeneratorConfig config = training("run");
    change(config);
    expect_error(ExitCode::kUsage, part, [&] { train(config); });
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  };
  rejected("nothing to adapt", [](auto& config) { config.init.clear(); });
  rejected("give --lora_rank", [](auto& config) { config.lora_rank = 0; });
  rejected("lora_target 'to_p' is no linear layer of the model; did you mean 'to_", [](auto& config) { config.lora_target = {"to_p"}; });
}

TEST_F(LoraTraining, DryRunCountsTheAdapter) {
  TrainGeneratorConfig config = training("run");
  config.execution.dry_run = true;
  ASSERT_EQ(train(config), ExitCode::kDone);
  EXPECT_NE(out_.str().find("LoRA of rank 2"), std::string::npos) << out_.str();
  int64_t trained = 0;
  ASSERT_EQ(train(training("trained")), ExitCode::kDone);
  for (const auto& [name, tensor] : load_safetensors(folder_ / "trained" / kAdapterFile).tensors) trained += tensor.numel();
  EXPECT_NE(out_.str().find(fmt::format(
                "trained parameters      {}",
                trained < 1000 ? fmt::format("{}", trained) : fmt::format("{},{:03}", trained / 1000, trained % 1000))),
            std::string::npos)
      << out_.str();
}

TEST_F(LoraTraining, ThePapersConfigIsRead) {
  TrainGeneratorConfig config;
  const fs::path file = fs::path(DEFOUND_CONFIGS) / "retfound-de/generator-lora.json";
  from_json(config, parse_json(read_text(file), file.string()), file.string());
  check_ranges(config);
  EXPECT_EQ(config.lora_rank, 4);
  EXPECT_EQ(config.prompt_template, std::vector<std::string>{"a DSLR photo of {label}"});
}

/// A generator of labels can be adapted too, for some of its labels.
TEST_F(LoraTraining, OfAGeneratorOfLabels) {
  TrainGeneratorConfig base = training("base");
  base.init.clear(), base.lora_rank = 0, base.lora_alpha.reset();
  base.unet = "tiny", base.resolution = 16;
  base.train.max_train_steps = 1;
  base.prompt_template = {"{label}"};
  ASSERT_EQ(train(base), ExitCode::kDone);
  TrainGeneratorConfig config = training("run");
  config.init = (folder_ / "base/generator").string();
  config.data.labels = {"macular_hole"};
  ASSERT_EQ(train(config), ExitCode::kDone);
  Generator generator = Generator::load(folder_ / "base/generator");
  merge_lora(generator, read_lora(folder_ / "run"), 1);
  EXPECT_EQ(generator.labels().size(), 2u);
  config.compose_labels = true;
  config.run.output = (folder_ / "composed").string();
  expect_error(ExitCode::kUsage, "compose_labels", [&] { train(config); });
  EXPECT_FALSE(fs::exists(folder_ / "composed"));
}

}  // namespace
}  // namespace defound
