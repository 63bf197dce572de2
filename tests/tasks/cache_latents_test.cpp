#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "defound/config/json.h"
#include "defound/core/stop.h"
#include "defound/data/image_dataset.h"
#include "defound/data/latent_cache.h"
#include "defound/data/load_table.h"
#include "defound/models/generator.h"
#include "support/cached_latents_training.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::CachedLatentsTraining;
using testing::relative_error;

TEST_F(CachedLatentsTraining, CacheHoldsWhatTheFrozenPartsMakeOfEachView) {
  make(caching());
  Generator generator = Generator::load(kStableDiffusion);
  TransformOptions transform = transform_preset("generator", 16);
  transform.flip = false;
  DataOptions data;
  data.data = {(folder_ / "images/manifest.csv").string()};
  const ImageDataset images(load_table(data), transform);
  const LatentCache cache(folder_ / "cache");
  EXPECT_EQ(cache.info().shards(), 4);
  EXPECT_EQ(cache.info().training_images, 8);
  for (int64_t i = 0; i < 10; ++i) {
    const torch::Tensor image = images.get(i, Draws(0, "any"), 0).image.unsqueeze(0);
    for (int64_t flip = 0; flip < 2; ++flip) {
      const LatentGaussian expected = generator.latent_gaussian(flip == 0 ? image : image.flip(3));
      const auto halves = cache.moments(i, flip).unsqueeze(0).chunk(2, 1);
      EXPECT_LT(relative_error(halves[0], expected.mean), 1e-5) << i << " " << flip;
      EXPECT_LT(relative_error(halves[1], expected.logvar), 1e-5) << i << " " << flip;
    }
  }
  ASSERT_EQ(cache.texts().size(), 4u);
  for (const std::string prompt : {"", "Mild, early", "a photo of mild npdr", "a photo of normal"})
    EXPECT_TRUE(torch::equal(cache.texts().at(prompt), generator.model->condition->encode(std::vector{prompt}, torch::kCPU)[0]))
        << prompt;
  EXPECT_EQ(cache.table().rows[9].patient, "patient 4");
  EXPECT_EQ(cache.table().rows[9].split, "val");
}

TEST_F(CachedLatentsTraining, CropsDependOnSeedAndImageOnly) {
  const auto made = [&](const std::string& output, int64_t seed, int64_t batch_size, int64_t workers) {
    DataCacheLatentsConfig config = caching(output);
    config.crops = 3, config.crop_jitter = 0.5;
    config.run.seed = seed, config.batch_size = batch_size, config.execution.num_workers = workers;
    make(config);
    return LatentCache(folder_ / output);
  };
  const LatentCache one = made("one", 1, 2, 1), again = made("again", 1, 5, 3), other = made("other", 2, 2, 1);
  EXPECT_EQ(one.info().views(), 6);
  for (int64_t i = 0; i < 10; ++i) {
    for (int64_t view = 0; view < 6; ++view) {
      EXPECT_LT(relative_error(again.moments(i, view), one.moments(i, view)), 1e-5) << i << " " << view;
      EXPECT_GT(relative_error(other.moments(i, view), one.moments(i, view)), 1e-3) << i << " " << view;
    }
    EXPECT_GT(relative_error(one.moments(i, 0), one.moments(i, 2)), 1e-3) << i;
  }
}

TEST_F(CachedLatentsTraining, IsTrainingFromTheImagesWithoutThem) {
  train(from_images("images-run"));
  make(caching());
  fs::remove_all(folder_ / "images");
  train(from_cache("cache-run"));
  EXPECT_EQ(losses_of("images-run").size(), 8u + 2u);
  EXPECT_EQ(losses_of("cache-run"), losses_of("images-run"));
  expect_same_product("images-run", "cache-run");
  const auto ancestry_of = [&](const std::string& run) {
    return parse_json(read_text(folder_ / (run + "/provenance.json")), run)["ancestry"];
  };
  EXPECT_EQ(ancestry_of("cache-run"), ancestry_of("images-run"));
  EXPECT_EQ(ancestry_of("cache-run")["image_hashes"].size(), 10u);
  EXPECT_EQ(ancestry_of("cache-run")["patients_of"]["clinic"].size(), 5u);
}

/// The autoencoder and the text encoder, left on disk, come back for the pictures and change nothing of the training.
TEST_F(CachedLatentsTraining, DrawsSamplesOfPromptsThatAreNotInTheCache) {
  make(caching());
  TrainGeneratorConfig config = from_cache("sampled");
  config.sample_every = 4, config.sample_count = 2, config.sample_prompt = {"something else"};
  train(config);
  EXPECT_TRUE(fs::exists(folder_ / "sampled/samples/step-000004-samples.png"));
  train(from_cache("unsampled"));
  EXPECT_EQ(losses_of("sampled"), losses_of("unsampled"));
  expect_same_product("sampled", "unsampled");
  TrainGeneratorConfig images = from_images("images_sampled");
  images.sample_every = 4, images.sample_count = 2, images.sample_prompt = {"something else"};
  train(images);
  EXPECT_EQ(read_text(folder_ / "images_sampled/samples/step-000004-samples.png"),
            read_text(folder_ / "sampled/samples/step-000004-samples.png"));
}

TEST_F(CachedLatentsTraining, TrainsAnAdapterUnderSeveralTemplates) {
  DataCacheLatentsConfig cached = caching();
  cached.prompt_template = {"a photo of {label}", "{label}, an eye"};
  make(cached);
  TrainGeneratorConfig config = from_cache("adapter");
  config.lora_rank = 2;
  config.prompt_template = cached.prompt_template;
  train(config);
  EXPECT_TRUE(fs::exists(folder_ / "adapter/pytorch_lora_weights.safetensors"));
  TrainGeneratorConfig images = from_images("adapter_of_images");
  images.lora_rank = 2;
  images.prompt_template = cached.prompt_template;
  train(images);
  EXPECT_EQ(losses_of("adapter"), losses_of("adapter_of_images"));
  TrainGeneratorConfig other = from_cache("other");
  other.prompt_template.push_back("{label} of a clinic");
  expect_rejected(other, "of a clinic' (");
  other.prompt_template.pop_back(), other.compose_labels = true;
  expect_rejected(other, "make new prompts");
}

TEST_F(CachedLatentsTraining, WithoutCropsThereIsNoAugmentation) {
  for (int i = 0; i < 10; ++i) {  // symmetric images, so that training from them sees no flip either
    Image image = testing::made_image(i, 16, 16);
    for (int64_t y = 0; y < 16; ++y)
      for (int64_t x = 0; x < 8; ++x) std::copy_n(image.at(x, y), 3, image.at(15 - x, y));
    write_image(folder_ / fmt::format("images/{}.png", i), image);
  }
  DataCacheLatentsConfig config = caching();
  config.crops = 0, config.images_per_shard = 4;  // batches of two: LibTorch computes a batch of one in another way
  make(config);
  config.latent_type = "fp16", config.run.output = (folder_ / "half").string();
  make(config);
  EXPECT_EQ(LatentCache(folder_ / "cache").info().views(), 1);
  train(from_images("images-run")), train(from_cache("cache-run")), train(from_cache("half-run", "half"));
  EXPECT_EQ(losses_of("cache-run"), losses_of("images-run"));
  expect_same_product("images-run", "cache-run");
  EXPECT_NE(read_text(folder_ / "cache-run/log.txt").find("augmentation is off"), std::string::npos);
  const auto whole = losses_of("images-run"), half = losses_of("half-run");
  ASSERT_EQ(half.size(), whole.size());
  EXPECT_NE(half, whole);
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(half[i] / whole[i], 1, 2e-3) << i;
}

TEST_F(CachedLatentsTraining, GoesOnExactlyAfterABreak) {
  DataCacheLatentsConfig cache = caching();
  cache.crops = 2, cache.latent_type = "fp16";
  make(cache);
  TrainGeneratorConfig config = from_cache("whole");
  config.train.max_train_steps = 40, config.train.validate_epochs = 10;
  train(config);
  config.run.output = (folder_ / "parts").string(), config.run.resume = "auto";
  int breaks = 0;
  for (int64_t row = 5; row < 20; row += 9, ++breaks) {  // SIGTERM once so many rows are logged
    const StopSignal stop;
    const std::jthread killer([&, row](const std::stop_token& over) {
      const auto rows = [&] {
        const std::string text = fs::exists(folder_ / "parts/metrics.jsonl") ? read_text(folder_ / "parts/metrics.jsonl") : "";
        return std::count(text.begin(), text.end(), '\n');
      };
      while (rows() < row && !over.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      raise(SIGTERM);
    });
    const ExitCode code = train_generator(config, "train", out_);
    if (code == ExitCode::kDone) break;
    ASSERT_EQ(code, ExitCode::kSaved);
  }
  EXPECT_GT(breaks, 0);
  train(config);
  EXPECT_EQ(losses_of("parts"), losses_of("whole"));
  expect_same_product("whole", "parts");
}

}  // namespace
}  // namespace defound
