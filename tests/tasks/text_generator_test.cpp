#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/tasks/synthesize.h"
#include "defound/tasks/train_generator.h"
#include "defound/tensor/safetensors.h"
#include "support/expect_error.h"
#include "support/made_images.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::expect_error;

const fs::path kTinyStableDiffusion = fs::path(DEFOUND_GOLDENS) / "stable_diffusion";

/// Fine-tunes the golden's Stable Diffusion on made images of two labels, one of which has prompts of its own.
class TextGenerator : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string rows = "path,label,prompt\n";
    for (int i = 0; i < 8; ++i) {
      testing::write_made_image(folder_.path(), fmt::format("{}.png", i), i);
      rows += fmt::format("{}.png,{},{}\n", i, i % 2 == 0 ? "mild_npdr" : "normal", i % 2 == 0 ? "" : "Normal fundus");
    }
    folder_.write("manifest.csv", rows);
  }

  TrainGeneratorConfig training() const {
    TrainGeneratorConfig config;
    config.data.data = {(folder_ / "manifest.csv").string()};
    config.init = kTinyStableDiffusion.string();
    config.prompt_template = {"a photo of {label}"};
    config.resolution = 16;
    config.sample_steps = 2;
    config.train.max_train_steps = 3;
    config.train.batch_size = 4;
    config.train.ema_decay = 0;
    config.run.output = (folder_ / "run").string();
    config.execution.num_workers = 1;
    return config;
  }
  fs::path generator() const { return folder_ / "run" / "generator"; }
  SynthesizeConfig synthesis() const {
    SynthesizeConfig config;
    config.generator = generator().string();
    config.steps = 2;
    config.run.output = (folder_ / "synthetic").string();
    return config;
  }

  std::ostringstream out_;
  testing::TempFolder folder_;
};

TEST_F(TextGenerator, TrainsTheUNetAloneAndSynthesizesByLabelAndPrompt) {
  TrainGeneratorConfig config = training();
  ASSERT_EQ(train_generator(config, "train", out_), ExitCode::kDone);
  const auto same = [&](const std::string& part, const std::string& file) {
    const TensorMap before = load_safetensors(kTinyStableDiffusion / part / file).tensors, after = load_safetensors(generator() / part / file).tensors;
    size_t equal = 0;
    for (const auto& [name, tensor] : after) {
      const std::string bare = name.starts_with("text_model.") && !before.contains(name) ? name.substr(11) : name;
      equal += torch::equal(before.at(bare), tensor);
    }
    return static_cast<double>(equal) / static_cast<double>(before.size());
  };
  EXPECT_EQ(same("vae", "diffusion_pytorch_model.safetensors"), 1);
  EXPECT_EQ(same("text_encoder", "model.safetensors"), 1);
  EXPECT_LT(same("unet", "diffusion_pytorch_model.safetensors"), 0.1);
  const Json labels = parse_json(read_text(generator() / "labels.json"), "labels")["labels"];
  EXPECT_EQ(labels, parse_json(R"([{"label": "mild_npdr", "prompt": "a photo of mild npdr"}, {"label": "normal", "prompt": "Normal fundus"}])", "expected"));
  // for scripts/goldens/check_stable_diffusion.py --product
  if (const char* kept = std::getenv("DEFOUND_INTERCHANGE")) fs::copy(generator(), fs::path(kept) / "stable-diffusion", fs::copy_options::recursive);

  SynthesizeConfig synthetic = synthesis();
  synthetic.count = {"mild_npdr=2"};
  synthetic.prompt = {"retina, 2+2=4=1"};
  ASSERT_EQ(synthesize(synthetic, "synthesize", out_), ExitCode::kDone);
  const std::string manifest = read_text(folder_ / "synthetic" / "manifest.csv");
  for (const char* row : {"mild_npdr/mild_npdr_000001.png,mild_npdr,train,a photo of mild npdr,synthetic,", "prompt_000/prompt_000_000000.png,,train,\"retina, 2+2=4\",synthetic,"})
    EXPECT_NE(manifest.find(row), std::string::npos) << manifest;
  EXPECT_EQ(std::count(manifest.begin(), manifest.end(), '\n'), 4);
  EXPECT_TRUE(fs::exists(folder_ / "synthetic" / "prompt_000" / "prompt_000_000000.png"));
}

TEST_F(TextGenerator, WrongRequestsAreRejected) {
  SynthesizeConfig config = synthesis();
  config.generator = kTinyStableDiffusion.string();
  const auto rejected = [&](const std::string& part) { expect_error(ExitCode::kUsage, part, [&] { synthesize(config, "synthesize", out_); }); };
  rejected("--prompt TEXT=N");
  config.count = {"3"};
  rejected("knows no labels");
  config.count = {"mild=3"};
  rejected("knows no labels");
  config.count.clear(), config.prompt = {"a fundus"};
  rejected("expected TEXT=N");
  config.prompt = {"a fundus=some"};
  rejected("'some' is not a number");
  TrainGeneratorConfig wrong_size = training();
  wrong_size.resolution = 32;
  expect_error(ExitCode::kUsage, "is for 16 px", [&] { train_generator(wrong_size, "train", out_); });
}

TEST_F(TextGenerator, DryRunTellsOfTheFoldersUNet) {
  TrainGeneratorConfig config = training();
  config.execution.dry_run = true;
  ASSERT_EQ(train_generator(config, "train", out_), ExitCode::kDone);
  EXPECT_NE(out_.str().find(kTinyStableDiffusion.string()), std::string::npos) << out_.str();
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

}  // namespace
}  // namespace defound
