#include <gtest/gtest.h>

#include <cstdlib>

#include "../support/temp_folder.h"
#include "defound/config/json.h"
#include "defound/models/generator.h"
#include "defound/models/mae.h"
#include "defound/models/sample_images.h"
#include "defound/models/unet_presets.h"
#include "defound/models/vit.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

using testing::TempFolder;

/// Files for scripts/goldens/check_interchange.py stay in the folder that DEFOUND_INTERCHANGE names.
fs::path folder_for_files(const TempFolder& temporary) {
  const char* kept = std::getenv("DEFOUND_INTERCHANGE");
  if (!kept) return temporary.path();
  make_folder(kept);
  return kept;
}

torch::Tensor draw(const std::string& what, torch::IntArrayRef shape) { return random_normal(Draws(11, what), std::vector<uint64_t>{0, 1}, shape); }

/// Biases and norms off their start values, so that a parameter in a wrong place shows.
void shake(torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : model.named_parameters())
    item.value().add_(random_normal(Draws(5, item.key()), std::vector<uint64_t>{0}, item.value().sizes()).squeeze(0), 0.05);
}

TEST(Interchange, ClassifierFileGivesTheSameLogits) {
  const TempFolder temporary;
  const fs::path folder = folder_for_files(temporary);
  VitConfig config = vit_config("vit_tiny_patch16_224");
  config.num_classes = 5, config.global_pool = "avg", config.depth = 3;
  VisionTransformer model(config), again(config);
  model.init_weights(Draws(1, "init"));
  shake(model);
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = draw("images", {3, 224, 224}), logits = model.forward(images);
  save_safetensors(folder / "best.safetensors", state_dict(model), {{"format", "pt"}, {"defound.config", to_json(config).dump()}});
  save_safetensors(folder / "best_pair.safetensors", {{"images", images}, {"logits", logits}});
  load_weights(again, load_safetensors(folder / "best.safetensors").tensors, {}, "best.safetensors");
  EXPECT_TRUE(again.forward(load_safetensors(folder / "best_pair.safetensors").tensors.at("images")).equal(logits));
}

TEST(Interchange, MaeFileGivesTheSameLossAndPrediction) {
  const TempFolder temporary;
  const fs::path folder = folder_for_files(temporary);
  MaeConfig config = mae_config("tiny");
  config.depth = 3, config.decoder_depth = 2;
  MaskedAutoencoder model(config), again(config);
  model.init_weights(Draws(1, "init"));
  shake(model);
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = draw("images", {3, 224, 224}), noise = random_uniform(Draws(1, "mask"), std::vector<uint64_t>{0, 1}, {196});
  const MaeOutput out = model.forward(images, noise);
  save_safetensors(folder / "mae.safetensors", state_dict(model), {{"format", "pt"}, {"defound.config", to_json(config).dump()}});
  save_safetensors(folder / "mae_pair.safetensors",
                   {{"images", images}, {"noise", noise}, {"loss", out.loss}, {"prediction", out.prediction}, {"mask", out.mask}});
  load_weights(again, load_safetensors(folder / "mae.safetensors").tensors, {}, "mae.safetensors");
  const MaeOutput repeated = again.forward(images, noise);
  EXPECT_TRUE(repeated.loss.equal(out.loss));
  EXPECT_TRUE(repeated.prediction.equal(out.prediction));
}

/// For scripts/goldens/check_generator.py; a folder generator/ that is there already, of a run say, is taken as it is.
TEST(Interchange, GeneratorFolderGivesTheSamePredictionsAndImages) {
  const TempFolder temporary;
  const fs::path folder = folder_for_files(temporary);
  if (!fs::exists(folder / "generator")) {
    LabelTableConfig labels;
    labels.labels = {"healthy", "ill"};
    const UNet2DConditionConfig unet = unet_preset("tiny", 16, 3);
    labels.cross_attention_dim = unet.cross_attention_dim;
    Generator made = Generator::make(unet, labels, {}, nullptr, Draws(1, "init"));
    shake(*made.model);
    made.save(folder / "generator");
  }
  Generator generator = Generator::load(folder / "generator");
  generator.to(torch::kCPU, torch::kFloat64);  // guided sampling makes much of an fp32 run's rounding
  const torch::NoGradGuard no_grad;
  const std::vector<int64_t> labels{0, 1};
  const std::vector<uint64_t> seeds{3, 4};
  const SampleOptions options{{"ddim", 5}, {2.5}};
  const torch::Tensor sample = draw("sample", generator.latent_shape()).to(torch::kFloat64), timesteps = torch::tensor({999, 1});
  const torch::Tensor images = sample_images(generator, labels, seeds, options);
  const std::vector<std::string> known = generator.labels(), requests{known.at(0), known.at(1)}, nothing{"", ""};
  const torch::Tensor context = generator.model->condition->encode(requests, torch::kCPU), none = generator.model->condition->encode(nothing, torch::kCPU);
  const torch::Tensor prediction = generator.model->unet->forward(sample, timesteps, context);
  save_safetensors(folder / "generator_pair.safetensors",
                   {{"sample", sample}, {"timesteps", timesteps}, {"context", context}, {"prediction", prediction.contiguous()}, {"images", images},
                    {"start", random_normal(Draws(0, "sample_images").purpose("start"), seeds, generator.latent_shape())},
                    {"label_context", context}, {"free_context", none}},
                   {{"steps", "5"}, {"guidance_scale", "2.5"}});
  Generator again = Generator::load(folder / "generator");
  again.to(torch::kCPU, torch::kFloat64);
  EXPECT_TRUE(again.model->forward(sample, timesteps, requests).equal(prediction));
  EXPECT_TRUE(sample_images(again, labels, seeds, options).equal(images));
}

}  // namespace
}  // namespace defound
