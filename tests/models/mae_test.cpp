#include "defound/models/mae.h"

#include <gtest/gtest.h>

#include "../support/expect_error.h"
#include "../support/tensors.h"
#include "defound/nn/patches.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

using testing::below;
using testing::golden;
using testing::relative_error;

MaeConfig golden_config() {
  MaeConfig config;
  config.img_size = 16, config.patch_size = 4, config.embed_dim = 24, config.depth = 2, config.num_heads = 3;
  config.decoder_embed_dim = 16, config.decoder_depth = 2, config.decoder_num_heads = 2;
  return config;
}

int64_t count(const torch::nn::Module& model) {
  int64_t total = 0;
  for (const auto& parameter : model.parameters()) total += parameter.numel();
  return total;
}

/// Loss, prediction, mask and every gradient against transformers' ViTMAEForPreTraining.
void expect_parity(torch::Dtype type, double most) {
  const TensorMap expected = golden("mae.safetensors");
  MaskedAutoencoder model(golden_config());
  model.to(type);
  load_weights(model, below(expected, "weight"), {}, "golden");
  const MaeOutput out = model.forward(expected.at("images").to(type), expected.at("noise"));
  EXPECT_LT(relative_error(out.loss, expected.at("loss")), most);
  EXPECT_LT(relative_error(out.prediction, expected.at("prediction")), most);
  EXPECT_TRUE(out.mask.to(torch::kFloat64).equal(expected.at("mask")));
  EXPECT_LT(relative_error(out.loss_per_image.mean(), expected.at("loss")), most);
  out.loss.backward();
  const TensorMap gradients = below(expected, "grad");
  size_t compared = 0;
  for (const auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    EXPECT_LT(relative_error(item.value().grad(), gradients.at(item.key())), most) << item.key();
    ++compared;
  }
  EXPECT_EQ(compared, gradients.size());
}

TEST(Mae, ForwardLossAndGradientsAgreeWithTransformersInFp64) { expect_parity(torch::kFloat64, 1e-9); }
TEST(Mae, ForwardLossAndGradientsAgreeWithTransformersInFp32) { expect_parity(torch::kFloat32, 1e-5); }

TEST(Mae, LossOnRawPixelsAgreesWithTransformers) {
  const TensorMap expected = golden("mae.safetensors");
  MaeConfig config = golden_config();
  config.norm_pix_loss = false;
  MaskedAutoencoder model(config);
  model.to(torch::kFloat64);
  load_weights(model, below(expected, "weight"), {}, "golden");
  EXPECT_LT(relative_error(model.forward(expected.at("images"), expected.at("noise")).loss, expected.at("loss_raw_pixels")), 1e-9);
}

TEST(Mae, RunsInBf16WithTheLossInFp32) {
  const TensorMap expected = golden("mae.safetensors");
  MaskedAutoencoder model(golden_config());
  load_weights(model, below(expected, "weight"), {}, "golden");
  model.to(torch::kBFloat16);
  const MaeOutput out = model.forward(expected.at("images").to(torch::kFloat32), expected.at("noise"));
  EXPECT_EQ(out.loss.scalar_type(), torch::kFloat32);
  EXPECT_EQ(out.prediction.scalar_type(), torch::kBFloat16);
  EXPECT_LT(relative_error(out.loss, expected.at("loss")), 0.03);
  out.loss.backward();
  EXPECT_LT(relative_error(model.decoder_pred->weight.grad(), expected.at("grad/decoder_pred.weight")), 0.1);
}

TEST(Mae, ParameterCountsAreThePapers) {
  EXPECT_EQ(count(MaskedAutoencoder(mae_config("mae_vit_large_patch16"), torch::kMeta)), 329541888);
  EXPECT_EQ(count(MaskedAutoencoder(mae_config("base"), torch::kMeta)), 111907840);
}

TEST(Mae, KeepsAQuarterOfThePatches) {
  const std::vector<uint64_t> ids = {1, 2, 3};
  const MaeMasking masking = random_masking(random_uniform(Draws(1, "mask"), ids, {196}), 0.75);
  EXPECT_EQ(masking.ids_keep.sizes(), (std::vector<int64_t>{3, 49}));
  EXPECT_TRUE(masking.mask.sum(1).eq(147).all().item<bool>());
  EXPECT_EQ(masking.mask.gather(1, masking.ids_keep).sum().item<double>(), 0.0);
  testing::expect_error(ExitCode::kUsage, "mask_ratio", [] { random_masking(torch::zeros({1, 4}), 0.9); });
  testing::expect_error(ExitCode::kUsage, "mask_ratio", [] { random_masking(torch::zeros({1, 4}), 0.0); });
}

TEST(Mae, ZeroPredictionScoresItsConstantOnTexture) {
  MaskedAutoencoder model(mae_config("tiny"), torch::kMeta);
  const std::vector<uint64_t> ids = {0, 1};
  const torch::Tensor patches = patchify(random_normal(Draws(1, "texture"), ids, {3, 224, 224}).to(torch::kFloat64), 16);
  const torch::Tensor errors = model.patch_errors(patches, torch::zeros_like(patches));
  EXPECT_NEAR(errors.mean().item<double>(), 767.0 / 768.0, 1e-5);
}

TEST(Mae, InitIsTheReferencesAndFollowsTheSeed) {
  MaeConfig config = mae_config("tiny");
  config.img_size = 96;
  MaskedAutoencoder model(config), same(config), other(config);
  model.init_weights(Draws(1, "init"));
  same.init_weights(Draws(1, "init"));
  other.init_weights(Draws(2, "init"));
  EXPECT_EQ(model.pos_embed.sizes(), (std::vector<int64_t>{1, 37, 192}));
  const TensorMap weights = state_dict(model), again = state_dict(same);
  for (const auto& [name, tensor] : weights) EXPECT_TRUE(tensor.equal(again.at(name))) << name;
  EXPECT_FALSE(weights.at("blocks.0.attn.qkv.weight").equal(state_dict(other).at("blocks.0.attn.qkv.weight")));
  EXPECT_FALSE(weights.at("blocks.0.attn.qkv.weight").equal(weights.at("blocks.1.attn.qkv.weight")));
  const double bound = std::sqrt(6.0 / (192 + 576));
  EXPECT_LE(weights.at("blocks.0.attn.qkv.weight").abs().max().item<double>(), bound);
  EXPECT_NEAR(weights.at("blocks.0.attn.qkv.weight").std().item<double>(), bound / std::sqrt(3.0), 0.001);
  EXPECT_NEAR(weights.at("mask_token").std().item<double>(), 0.02, 0.006);
  EXPECT_TRUE(weights.at("norm.weight").eq(1).all().item<bool>());
  EXPECT_TRUE(weights.at("blocks.3.mlp.fc1.bias").eq(0).all().item<bool>());
}

TEST(Mae, WrongNamesAndSizesAreRejected) {
  testing::expect_error(ExitCode::kUsage, "did you mean mae_vit_large_patch16", [] { mae_config("mae_vit_large_patch61x"); });
  MaeConfig config = mae_config("tiny");
  config.img_size = 100;
  testing::expect_error(ExitCode::kUsage, "no multiple", [&] { MaskedAutoencoder model(config); });
  MaskedAutoencoder model(golden_config());
  testing::expect_error(ExitCode::kFailed, "[N, 3, 16, 16]", [&] { model.forward(torch::zeros({1, 3, 32, 32}), torch::zeros({1, 16})); });
  testing::expect_error(ExitCode::kFailed, "[1, 16]", [&] { model.forward(torch::zeros({1, 3, 16, 16}), torch::zeros({1, 15})); });
}

}  // namespace
}  // namespace defound
