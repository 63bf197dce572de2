#pragma once
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "defound/run/metrics_log.h"
#include "defound/tasks/data_cache_latents.h"
#include "defound/tasks/train_generator.h"
#include "support/expect_error.h"
#include "support/made_images.h"
#include "support/temp_folder.h"

namespace defound::testing {

/// Eight images to train on and two held out, with patients, two labels and prompts of some, and a tiny Stable Diffusion.
class CachedLatentsTraining : public ::testing::Test {
 protected:
  const fs::path kStableDiffusion = fs::path(DEFOUND_GOLDENS) / "stable_diffusion";

  void SetUp() override {
    torch::set_num_threads(1);
    std::string rows = "path,label,patient,split,prompt,dataset\n";
    for (int i = 0; i < 10; ++i) {
      write_made_image(folder_ / "images", fmt::format("{}.png", i), i);
      rows += fmt::format("{}.png,{},patient {},{},{},clinic\n", i, i % 2 == 0 ? "mild_npdr" : "normal", i / 2,
                          i < 8 ? "train" : "val", i % 4 == 0 ? "\"Mild, early\"" : "");
    }
    folder_.write("images/manifest.csv", rows);
  }

  DataCacheLatentsConfig caching(const std::string& output = "cache") const {
    DataCacheLatentsConfig config;
    config.generator = kStableDiffusion.string();
    config.data.data = {(folder_ / "images/manifest.csv").string()};
    config.resolution = 16;
    config.prompt_template = {"a photo of {label}"};
    config.latent_type = "fp32";
    config.images_per_shard = 3, config.batch_size = 2;
    config.run.output = (folder_ / output).string();
    config.run.seed = 3;
    config.execution.num_workers = 1, config.execution.threads = 1;
    return config;
  }
  TrainGeneratorConfig training(const std::string& output) const {
    TrainGeneratorConfig config;
    config.init = kStableDiffusion.string();
    config.prompt_template = {"a photo of {label}"};
    config.resolution = 16, config.sample_steps = 1;
    config.condition_dropout = 0.3;
    config.train.max_train_steps = 8, config.train.batch_size = 4, config.train.log_every = 1;
    config.train.ema_decay = 0, config.train.validate_epochs = 2;
    config.run.output = (folder_ / output).string();
    config.execution.num_workers = 1, config.execution.threads = 1;
    return config;
  }
  TrainGeneratorConfig from_images(const std::string& output) const {
    TrainGeneratorConfig config = training(output);
    config.data.data = {(folder_ / "images/manifest.csv").string()};
    return config;
  }
  TrainGeneratorConfig from_cache(const std::string& output, const std::string& cache = "cache") const {
    TrainGeneratorConfig config = training(output);
    config.cached_latents = (folder_ / cache).string();
    return config;
  }
  void make(DataCacheLatentsConfig config) { ASSERT_EQ(data_cache_latents(config, "cache", out_), ExitCode::kDone); }
  void train(TrainGeneratorConfig config) { ASSERT_EQ(train_generator(config, "train", out_), ExitCode::kDone); }
  void expect_rejected(TrainGeneratorConfig config, const std::string& part) {
    expect_error(ExitCode::kUsage, part, [&] { train_generator(config, "train", out_); });
    EXPECT_FALSE(fs::exists(config.run.output)) << part;
  }

  /// Training losses and validation losses in their order.
  std::vector<double> losses_of(const std::string& run) const {
    std::vector<double> values;
    for (const auto& row : read_metrics(folder_ / (run + "/metrics.jsonl")))
      for (const auto& [name, value] : row.values)
        if (name == "loss" || name == "val_loss") values.push_back(value);
    return values;
  }
  /// Every file of both generator folders, byte by byte.
  void expect_same_product(const std::string& one, const std::string& other) const {
    size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / (one + "/generator"))) {
      if (!entry.is_regular_file()) continue;
      const fs::path name = entry.path().lexically_relative(folder_ / (one + "/generator"));
      EXPECT_TRUE(read_text(entry.path()) == read_text(folder_ / (other + "/generator") / name)) << name;
      ++files;
    }
    EXPECT_GT(files, 8u);
  }
  std::map<std::string, std::string> files_of(const std::string& cache) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder_ / cache))
      if (entry.path().extension() == ".safetensors" || entry.path().extension() == ".csv" ||
          entry.path().filename() == "cache.json")
        files[entry.path().filename().string()] = read_text(entry.path());
    return files;
  }

  std::ostringstream out_;
  TempFolder folder_;
};

}  // namespace defound::testing
