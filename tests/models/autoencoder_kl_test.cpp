#include "defound/models/autoencoder_kl.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"
#include "defound/nn/initialize.h"
#include "defound/nn/packed_weight.h"
#include "defound/tensor/load_weights.h"
#include "support/diffusers_golden.h"

namespace defound {
namespace {

using testing::DiffusersGolden;
using testing::relative_error;

struct Loaded {
  explicit Loaded(torch::Dtype dtype) : golden("autoencoder.safetensors"), model(autoencoder_config_from_json(golden.config, "golden")) {
    model.to(dtype);
    load_weights(model, golden.below("weight."), {}, "golden");
  }
  DiffusersGolden golden;
  AutoencoderKL model;
};

class AutoencoderParity : public ::testing::TestWithParam<std::pair<torch::Dtype, double>> {};

TEST_P(AutoencoderParity, EncodesAndDecodesAsDiffusers) {
  const auto [dtype, tolerance] = GetParam();
  torch::NoGradGuard no_grad;
  Loaded loaded(dtype);
  const LatentGaussian gaussian = loaded.model.encode(loaded.golden["image"].to(dtype));
  EXPECT_LT(relative_error(gaussian.mean, loaded.golden["mean"]), tolerance);
  EXPECT_LT(relative_error(gaussian.logvar, loaded.golden["logvar"]), tolerance);
  EXPECT_LT(relative_error(loaded.model.decode(loaded.golden["latents"].to(dtype)), loaded.golden["decoded"]), tolerance);
  pack_weights(loaded.model);
  EXPECT_LT(relative_error(loaded.model.encode(loaded.golden["image"].to(dtype)).mean, loaded.golden["mean"]), tolerance);
  EXPECT_LT(relative_error(loaded.model.decode(loaded.golden["latents"].to(dtype)), loaded.golden["decoded"]), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Types, AutoencoderParity, ::testing::Values(std::pair{torch::kFloat64, 1e-9}, std::pair{torch::kFloat32, 1e-5}));

TEST(AutoencoderKL, SampleIsTheGaussiansForTheNoise) {
  const LatentGaussian gaussian{torch::full({1, 1}, 2.0), torch::full({1, 1}, std::log(9.0))};
  EXPECT_NEAR(gaussian.sample(torch::full({1, 1}, -1.0)).item<double>(), -1.0, 1e-6);
}

TEST(AutoencoderKL, ReadsOldAttentionKeys) {
  Loaded loaded(torch::kFloat64);
  TensorMap old_names;
  for (const auto& [key, value] : loaded.golden.below("weight.")) {
    std::string name = key;
    for (const auto& [today, before] : {std::pair{".to_q.", ".query."}, {".to_k.", ".key."}, {".to_v.", ".value."}, {".to_out.0.", ".proj_attn."}})
      if (const size_t at = name.find(today); at != std::string::npos) name.replace(at, std::string(today).size(), before);
    old_names[name] = value;
  }
  ASSERT_TRUE(old_names.contains("encoder.mid_block.attentions.0.proj_attn.weight"));
  AutoencoderKL model(loaded.model.config());
  model.to(torch::kFloat64);
  load_weights(model, rename_old_attention_keys(old_names), {}, "old");
  const torch::Tensor latents = loaded.golden["latents"];
  EXPECT_TRUE(torch::equal(model.decode(latents), loaded.model.decode(latents)));
}

TEST(AutoencoderKL, StableDiffusionsHasItsParameters) {
  AutoencoderKLConfig config;
  config.block_out_channels = {128, 256, 512, 512};
  config.layers_per_block = 2;
  const AutoencoderKL model(config);
  EXPECT_EQ(parameter_count(model), 83653863);
  EXPECT_EQ(model.reduction(), 8);
}

TEST(AutoencoderKLConfig, NamesWhatItDoesNotSupport) {
  EXPECT_THROW(autoencoder_config_from_json(Json{{"shift_factor", 0.1}}, "config.json"), Error);
  EXPECT_THROW(autoencoder_config_from_json(Json{{"down_block_types", {"AttnDownEncoderBlock2D"}}}, "config.json"), Error);
  EXPECT_THROW(autoencoder_config_from_json(Json{{"block_out_channels", {8, 8}}}, "config.json"), Error);
}

}  // namespace
}  // namespace defound
