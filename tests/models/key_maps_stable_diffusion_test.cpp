#include "defound/models/key_maps_stable_diffusion.h"

#include <gtest/gtest.h>

#include "defound/core/files.h"
#include "support/expect_error.h"

namespace defound {
namespace {

using testing::expect_error;

class StableDiffusionNamesOf : public ::testing::TestWithParam<const char*> {
 protected:
  const Json golden_ = parse_json(read_text(DEFOUND_GOLDENS "/stable_diffusion_names.json"), "stable_diffusion_names.json").at(GetParam());
  const StableDiffusionNames names_{unet_config_from_json(golden_["unet"], "golden"), autoencoder_config_from_json(golden_["vae"], "golden")};
};

TEST_P(StableDiffusionNamesOf, AreThoseOfDiffusersBothWays) {
  EXPECT_GE(golden_["modules"].size(), 100u);
  for (const auto& [original, diffusers] : golden_["modules"].items())
    for (const char* kind : {".weight", ".bias"}) {
      EXPECT_EQ(names_.to_diffusers(original + kind), diffusers.get<std::string>() + kind);
      EXPECT_EQ(names_.to_single_file(diffusers.get<std::string>() + kind), original + kind);
    }
}

INSTANTIATE_TEST_SUITE_P(Diffusers, StableDiffusionNamesOf, ::testing::Values("small", "full"));

TEST(StableDiffusionNames, TextEncoderKeepsItsNamesAndOthersHaveNone) {
  const StableDiffusionNames names({}, {});
  EXPECT_EQ(names.to_diffusers("cond_stage_model.transformer.text_model.final_layer_norm.bias"), "text_encoder.text_model.final_layer_norm.bias");
  EXPECT_EQ(names.to_single_file("text_encoder.text_model.final_layer_norm.bias"), "cond_stage_model.transformer.text_model.final_layer_norm.bias");
  for (const char* name : {"betas", "model_ema.decay", "model.diffusion_model.input_blocks.99.0.in_layers.0.weight", "model.diffusion_model.input_blocks.1.0.norm1.weight",
                           "first_stage_model.encoder.mid.attn_1.to_q.weight", "", "."})
    EXPECT_EQ(names.to_diffusers(name), std::nullopt) << name;
}

TEST(StableDiffusionNames, AttentionOfTheAutoencoderIsLinearInDiffusers) {
  const StableDiffusionNames names({}, {});
  const TensorMap file = {{"first_stage_model.decoder.mid.attn_1.q.weight", torch::rand({4, 4, 1, 1})},
                          {"first_stage_model.decoder.mid.attn_1.norm.weight", torch::rand(4)},
                          {"model.diffusion_model.middle_block.1.proj_in.weight", torch::rand({4, 4, 1, 1})},
                          {"alphas_cumprod", torch::rand(1000)},
                          {"model_ema.diffusion_modelout0weight", torch::rand(4)}};
  const TensorMap weights = diffusers_weights(file, names, "file");
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_EQ(weights.at("vae.decoder.mid_block.attentions.0.to_q.weight").sizes(), (torch::IntArrayRef{4, 4}));
  EXPECT_EQ(weights.at("vae.decoder.mid_block.attentions.0.group_norm.weight").dim(), 1);
  EXPECT_EQ(weights.at("unet.mid_block.attentions.0.proj_in.weight").dim(), 4);
  const TensorMap again = single_file_weights(weights, names, "weights");
  for (const auto& [name, tensor] : again) EXPECT_TRUE(torch::equal(tensor, file.at(name))) << name;
  expect_error(ExitCode::kUsage, "out.7", [&] { diffusers_weights({{"model.diffusion_model.out.7.weight", torch::rand(4)}}, names, "file"); });
  expect_error(ExitCode::kUsage, "controlnet", [&] { single_file_weights({{"controlnet.conv_in.weight", torch::rand(4)}}, names, "weights"); });
}

}  // namespace
}  // namespace defound
