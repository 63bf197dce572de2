#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "defound/core/stop.h"
#include "defound/data/latent_cache.h"
#include "defound/models/generator.h"
#include "defound/models/unet_presets.h"
#include "defound/tensor/safetensors.h"
#include "support/cached_latents_training.h"
#include "support/command.h"

namespace defound {
namespace {

using testing::expect_error;

class CachedLatentsFaults : public testing::CachedLatentsTraining {
 protected:
  /// A copy of the Stable Diffusion with other weights in one file.
  fs::path changed_generator(const std::string& file, const std::string& tensor) {
    const fs::path folder = folder_ / "other";
    fs::remove_all(folder);
    fs::copy(kStableDiffusion, folder, fs::copy_options::recursive);
    Safetensors content = load_safetensors(folder / file);
    content.tensors.at(tensor) = content.tensors.at(tensor) + 1e-3;
    save_safetensors(folder / "changed.safetensors", content.tensors, content.metadata);
    fs::rename(folder / "changed.safetensors", folder / file);
    return folder;
  }
  std::map<std::string, fs::file_time_type> times_of(const std::string& cache) const {
    std::map<std::string, fs::file_time_type> times;
    for (const auto& entry : fs::directory_iterator(folder_ / cache))
      times[entry.path().filename().string()] = entry.last_write_time();
    return times;
  }
  /// Caches until `file` is there, then gets SIGTERM.
  ExitCode stop_at(const std::string& file, DataCacheLatentsConfig config) {
    const StopSignal outer;  // a signal after the end does no harm
    const std::jthread killer([path = fs::path(config.run.output) / file](const std::stop_token& over) {
      while (!fs::exists(path) && !over.stop_requested()) std::this_thread::sleep_for(std::chrono::microseconds(200));
      raise(SIGTERM);
    });
    return data_cache_latents(config, "cache", out_);
  }
};

TEST_F(CachedLatentsFaults, StoppedCacheIsMadeUpToTheSameBytes) {
  DataCacheLatentsConfig config = caching("whole");
  config.images_per_shard = 1, config.crops = 24;
  make(config);
  config.run.output = (folder_ / "parts").string(), config.run.resume = "auto";
  ASSERT_EQ(stop_at("latents-000001.safetensors", config), ExitCode::kSaved);
  EXPECT_FALSE(fs::exists(folder_ / "parts/DONE"));
  EXPECT_FALSE(fs::exists(folder_ / "parts/manifest.csv"));
  EXPECT_FALSE(fs::exists(folder_ / "parts/latents-000009.safetensors"));
  expect_rejected(from_cache("early", "parts"), "is not finished");
  // what a killed writer and a bad disk leave
  folder_.write("parts/.latents-000005.1.tmp.safetensors", "half");
  fs::resize_file(folder_ / "parts/latents-000000.safetensors", 100);
  const auto before = times_of("parts").at("latents-000001.safetensors");
  make(config);
  EXPECT_EQ(files_of("parts"), files_of("whole"));
  EXPECT_EQ(files_of("parts").size(), 10u + 1 + 2);
  EXPECT_EQ(times_of("parts").at("latents-000001.safetensors"), before);
  EXPECT_FALSE(fs::exists(folder_ / "parts/.latents-000005.1.tmp.safetensors"));
  const auto finished = times_of("parts");
  make(config);
  EXPECT_EQ(times_of("parts"), finished);
}

TEST_F(CachedLatentsFaults, ChangedImagesOrGeneratorDoNotContinueACache) {
  DataCacheLatentsConfig config = caching();
  config.crops = 8, config.images_per_shard = 1, config.run.resume = "auto";
  config.generator = changed_generator("vae/diffusion_pytorch_model.safetensors", "quant_conv.bias").string();
  ASSERT_EQ(stop_at("latents-000000.safetensors", config), ExitCode::kSaved);
  changed_generator("vae/diffusion_pytorch_model.safetensors", "quant_conv.weight");
  expect_error(ExitCode::kUsage, "another generator or other images", [&] { data_cache_latents(config, "cache", out_); });
  config.crops = 4;
  expect_error(ExitCode::kUsage, "crops: 8 -> 4", [&] { data_cache_latents(config, "cache", out_); });
}

TEST_F(CachedLatentsFaults, CacheOfAnotherGeneratorIsRefused) {
  make(caching());
  TrainGeneratorConfig config = from_cache("run");
  config.init = changed_generator("vae/diffusion_pytorch_model.safetensors", "quant_conv.bias").string();
  expect_rejected(config, "was made by another vae");
  config.init = changed_generator("text_encoder/model.safetensors", "final_layer_norm.bias").string();
  expect_rejected(config, "was made by another text encoder");
  config.init = changed_generator("unet/diffusion_pytorch_model.safetensors", "conv_in.bias").string();
  train(config);  // the UNet is what is trained
}

TEST_F(CachedLatentsFaults, UnfitOptionsAreRefused) {
  make(caching());
  TrainGeneratorConfig config = from_cache("run");
  config.resolution = 32;
  expect_rejected(config, "holds latents of 16 px images; --resolution is 32");
  config = from_cache("run"), config.prompt_template = {"an image of {label}"};
  expect_rejected(config, "the prompt 'an image of normal'");
  config = from_cache("run"), config.data.data = {(folder_ / "images").string()};
  expect_rejected(config, "leave --data");
  config = from_cache("run"), config.init.clear();
  expect_rejected(config, "needs --init");
  config = from_cache("run", "images");
  expect_rejected(config, "no cache.json");

  const auto rejected = [&](const DataCacheLatentsConfig& wrong, const std::string& part) {
    DataCacheLatentsConfig copy = wrong;
    expect_error(ExitCode::kUsage, part, [&] { data_cache_latents(copy, "cache", out_); });
    EXPECT_FALSE(fs::exists(wrong.run.output)) << part;
  };
  DataCacheLatentsConfig caching_wrong = caching("wrong");
  caching_wrong.resolution = 32;
  rejected(caching_wrong, "is for 16 px");
  caching_wrong = caching("wrong"), caching_wrong.generator.clear();
  rejected(caching_wrong, "--generator is missing");
  caching_wrong = caching("wrong"), caching_wrong.crops = 2, caching_wrong.crop_jitter = 0;
  rejected(caching_wrong, "all crops would be the center crop");
}

TEST_F(CachedLatentsFaults, CacheThatHidesItsImagesIsRefused) {
  make(caching());
  fs::remove(folder_ / "cache/provenance.json");
  TrainGeneratorConfig config = from_cache("run");
  expect_error(ExitCode::kUsage, "does not tell which images", [&] { train_generator(config, "train", out_); });
}

TEST_F(CachedLatentsFaults, DryRunTellsWorkAndDisk) {
  DataCacheLatentsConfig config = caching();
  config.execution.dry_run = true, config.crops = 4, config.latent_type = "fp16";
  make(config);
  // 10 images of 8 views of 2 x 4 x 8 x 8 numbers and 4 prompts of 20 x 6, two bytes each
  for (const char* part :
       {"10, 8 of them to train on", "4 crops and their mirror images", "FLOP", "4 of latents, 1 of texts", "82.88 kB"})
    EXPECT_NE(out_.str().find(part), std::string::npos) << part << "\n" << out_.str();
  EXPECT_FALSE(fs::exists(config.run.output));
  config.execution.dry_run = false, config.run.output = (folder_ / "cache").string();
  make(config);
  out_.str("");
  TrainGeneratorConfig trained = from_cache("run");
  trained.execution.dry_run = true;
  train(trained);
  EXPECT_EQ(out_.str().find("frozen"), std::string::npos) << out_.str();
}

TEST_F(CachedLatentsFaults, LabelTablesNeedNoTexts) {
  UNet2DConditionConfig unet = unet_preset("tiny", 8, 4);
  LabelTableConfig table;
  table.labels = {"mild_npdr", "normal"};
  table.cross_attention_dim = unet.cross_attention_dim;
  Generator::make(unet, table, SchedulerConfig(), Generator::load(kStableDiffusion).vae, Draws(1, "init"))
      .save(folder_ / "labels");
  DataCacheLatentsConfig config = caching();
  config.generator = (folder_ / "labels").string();
  make(config);
  EXPECT_TRUE(LatentCache(folder_ / "cache").texts().empty());
  TrainGeneratorConfig images = from_images("images-run"), cached = from_cache("cache-run");
  images.init = cached.init = config.generator;
  for (TrainGeneratorConfig* run : {&images, &cached}) {
    run->sample_every = 4, run->sample_count = 2;
    run->train.learning_rate = 0.05;  // so that the pictures tell the table of a step from that of another
  }
  train(images), train(cached);
  EXPECT_EQ(losses_of("cache-run"), losses_of("images-run"));
  const auto grid = [&](const std::string& run, int step) { return read_text(folder_ / fmt::format("{}/samples/step-{:06}-samples.png", run, step)); };
  EXPECT_EQ(grid("cache-run", 8), grid("images-run", 8));
  EXPECT_NE(grid("cache-run", 8), grid("cache-run", 4));
  expect_rejected(from_cache("run"), "was made by another text encoder");
}

TEST_F(CachedLatentsFaults, CommandGoesOnAfterAKill) {
  const auto run = [&](const std::string& line) {
    return testing::run_command("cd " + folder_.path().string() + " && " + line);
  };
  const std::string line = "defound-data cache-latents --generator " + kStableDiffusion.string() +
                           " --data images --resolution 16 --crops 8 "
                           "--images_per_shard 1 --batch_size 1 --threads 1 --num_workers 1 --log_level warn";
  const auto whole = run(line + " --output whole");
  ASSERT_EQ(whole.exit_code, 0) << whole.output;
  const auto killed = run("{ " + line +
                          " --output parts & pid=$!; until test -e parts/latents-000001.safetensors || ! kill -0 $pid; "
                          "do sleep 0.005; done; kill -KILL $pid; wait $pid; }");
  EXPECT_EQ(killed.exit_code, 128 + SIGKILL) << killed.output;
  EXPECT_FALSE(fs::exists(folder_ / "parts/manifest.csv"));
  const auto rest = run(line + " --output parts --resume must");
  ASSERT_EQ(rest.exit_code, 0) << rest.output;
  EXPECT_EQ(files_of("parts"), files_of("whole"));
  const auto trained = run("defound-train-generator --cached_latents parts --init " + kStableDiffusion.string() +
                           " --resolution 16 --max_train_steps 2 --batch_size 4 --sample_steps 1 --threads 1 --output run");
  EXPECT_EQ(trained.exit_code, 0) << trained.output;
  EXPECT_TRUE(fs::exists(folder_ / "run/generator/vae/diffusion_pytorch_model.safetensors"));
}

}  // namespace
}  // namespace defound
