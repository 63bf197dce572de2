#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/image/image_io.h"
#include "support/command.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

/// Runs one stage after the other in a fresh folder, each as its user would.
class Pipeline : public ::testing::Test {
 protected:
  testing::CommandResult run(const std::string& line) { return testing::run_command("cd " + folder_.path().string() + " && " + line); }
  void expect_done(const std::string& line) {
    const auto result = run(line);
    EXPECT_EQ(result.exit_code, 0) << line << "\n" << result.output;
  }
  bool exists(const std::string& name) const { return fs::exists(folder_ / name); }
  void make_images() { expect_done("defound-data phantom --modality cxr --count 120 --size 48 --seed 1 --output data"); }

  /// The same pixels but for one level of rounding.
  void expect_equal_images(const std::string& first, const std::string& second) {
    for (int i = 0; i < 6; ++i) {
      const std::string name = fmt::format("pneumonia/pneumonia_{:06}.png", i);
      const Image a = read_image(folder_ / (first + "/" + name)), b = read_image(folder_ / (second + "/" + name));
      ASSERT_EQ(a.pixels.size(), b.pixels.size());
      for (size_t p = 0; p < a.pixels.size(); ++p) ASSERT_NEAR(a.pixels[p], b.pixels[p], 1) << name;
    }
  }

  testing::TempFolder folder_;
  const std::string vit_ = " --model tiny --input_size 32 --patch_size 8 --micro_batch_size 8 --batch_size 16 --learning_rate 1e-3 --log_every 1";
};

TEST_F(Pipeline, FromImagesToAnEvaluatedModel) {
  make_images();
  expect_done("defound-train-generator --data data --unet tiny --resolution 16 --max_train_steps 3 --batch_size 8 --sample_steps 2 --output gen");
  EXPECT_TRUE(exists("gen/generator/unet/config.json"));
  expect_done("defound-synthesize --generator gen/generator --count no_finding=3 --count pneumonia=4 --steps 2 --output syn");
  EXPECT_TRUE(exists("syn/DONE"));
  expect_done("defound-pretrain --data syn --epochs 1 --batch_size 4 --model tiny --input_size 32 --patch_size 8 --output mae-syn");
  expect_done("defound-pretrain --data data --init mae-syn --max_train_steps 4" + vit_ + " --output mae");
  expect_done("defound-finetune --data data --init mae --max_train_steps 4" + vit_ + " --output cls");
  expect_done("defound-evaluate --model cls/best.safetensors --data data --split test --output eval");
  for (const char* product : {"gen/report.html", "syn/manifest.csv", "syn/report.html", "mae/mae.safetensors", "mae/encoder.safetensors", "mae/report.html",
                              "mae/DONE", "cls/best.safetensors", "cls/last.safetensors", "cls/classes.json", "cls/DONE", "eval/metrics.json",
                              "eval/predictions.csv", "eval/report.html"})
    EXPECT_TRUE(exists(product)) << product;
  // the training rows went into the model, so they are no test set
  const auto leak = run("defound-evaluate --model cls/best.safetensors --data data --split train --output eval-leak");
  EXPECT_EQ(leak.exit_code, 2) << leak.output;
  EXPECT_FALSE(exists("eval-leak/metrics.json"));
}

TEST_F(Pipeline, ResumeGivesTheUnbrokenRunsLossesBitForBit) {
  make_images();
  const std::string command = "defound-finetune --data data --max_train_steps 12" + vit_ + " --drop_path 0.2 --ema_decay 0.9 --seed 3 --threads 1 ";
  expect_done(command + "--output whole");
  const auto first = run(command + "--num_workers 0 --max_seconds 0.4 --resume auto --output parts");
  EXPECT_TRUE(first.exit_code == 75 || first.exit_code == 0) << first.output;
  for (int i = 0; i < 12 && !exists("parts/DONE"); ++i) run(command + "--num_workers 3 --max_seconds 0.6 --resume auto --output parts");
  expect_done(command + "--resume auto --output parts");
  const auto losses = [&](const std::string& run_folder) {
    std::vector<double> values;
    std::istringstream lines(read_text(folder_ / (run_folder + "/metrics.jsonl")));
    for (std::string line; std::getline(lines, line);)
      if (const Json row = parse_json(line, "metrics.jsonl"); row.contains("loss")) values.push_back(row["loss"].get<double>());
    return values;
  };
  EXPECT_EQ(losses("whole").size(), 12u);
  EXPECT_EQ(losses("whole"), losses("parts"));
}

TEST_F(Pipeline, AnImageDependsOnItsSeedAndNotOnTheBatchOrAnInterruption) {
  make_images();
  expect_done("defound-train-generator --data data --unet tiny --resolution 16 --max_train_steps 2 --batch_size 8 --sample_steps 2 --output gen");
  const std::string command = "defound-synthesize --generator gen/generator --count 6 --steps 3 --threads 1 ";
  expect_done(command + "--batch_size 8 --output by8");
  expect_done(command + "--batch_size 1 --output by1");
  expect_equal_images("by1", "by8");
  run("rm by8/DONE by8/pneumonia/pneumonia_000002.png && mv by8/manifest.csv by8/plan.csv");
  expect_done(command + "--batch_size 4 --resume auto --output by8");
  expect_equal_images("by1", "by8");
}

TEST_F(Pipeline, WrongUseGetsOneLineAndExitCode2) {
  make_images();
  const auto refused = [&](const std::string& line, const std::string& part) {
    const auto result = run(line);
    EXPECT_EQ(result.exit_code, 2) << line << "\n" << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << line << "\n" << result.output;
  };
  refused("defound-pretrain --data data --output x --mask_ration 0.5", "did you mean --mask_ratio");
  refused("defound-pretrain --data data --output x --mask_ratio 1.5", "mask_ratio is 1.5");
  refused("defound-pretrain --data data --output x --epochs many", "--epochs must be a number");
  refused("defound-pretrain --data nowhere --output x", "nowhere");
  refused("defound-pretrain --data data --output data", "data");
  refused("defound-pretrain --data data --output x --init nowhere", "nowhere");
  refused("defound-finetune --data data --labels pneumonia --output x", "class");
  refused("defound-synthesize --generator nowhere --count 3 --output x", "nowhere");
  run(R"(echo '{"epochs": 3, "epochs": 4}' > twice.json)");
  refused("defound-pretrain --config twice.json --data data --output x", "stands twice");
  EXPECT_FALSE(exists("x"));
}

TEST_F(Pipeline, DryRunPrintsThePaperModelAndTrainsNothing) {
  make_images();
  const auto result = run("defound-pretrain --config " DEFOUND_CONFIGS "/retfound-de/pretrain-real.json --data data --batch_size 16 --dry_run");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("329,541,888"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("124.5 GFLOP"), std::string::npos) << result.output;
  const auto generator = run("defound-train-generator --config " DEFOUND_CONFIGS "/retfound-de/generator.json --data data --dry_run");
  EXPECT_NE(generator.output.find("859,520,964"), std::string::npos) << generator.output;
}

}  // namespace
}  // namespace defound
