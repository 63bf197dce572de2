#include "defound/models/unet_2d_condition.h"

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
  explicit Loaded(const std::string& name, torch::Dtype dtype = torch::kFloat64)
      : golden(name), unet(std::make_shared<UNet2DConditionModel>(unet_config_from_json(golden.config, name))) {
    unet->to(dtype);
    load_weights(*unet, golden.below("weight."), {}, name);
  }
  torch::Tensor predict(const torch::Tensor& context) { return unet->forward(golden["sample"], golden["timesteps"], context); }
  DiffusersGolden golden;
  std::shared_ptr<UNet2DConditionModel> unet;
};

class UNetParity : public ::testing::TestWithParam<const char*> {};

TEST_P(UNetParity, PredictionLossAndEveryGradientInFloat64) {
  Loaded loaded(GetParam());
  const torch::Tensor context = loaded.golden["context"].clone().requires_grad_();
  const torch::Tensor prediction = loaded.predict(context);
  EXPECT_LT(relative_error(prediction, loaded.golden["prediction"]), 1e-9);
  const torch::Tensor loss = torch::mse_loss(prediction, loaded.golden["noise"]);
  EXPECT_LT(relative_error(loss, loaded.golden["loss"]), 1e-9);
  loss.backward();
  const auto expected = loaded.golden.below("grad.");
  const auto parameters = loaded.unet->named_parameters();
  ASSERT_EQ(expected.size(), parameters.size());
  double largest = 0;
  for (const auto& [name, gradient] : expected) largest = std::max(largest, gradient.abs().max().item<double>());
  for (const auto& item : parameters) {
    const torch::Tensor& gradient = expected.at(item.key());
    // a shift before a norm over one channel changes nothing: such gradients are 0 but for rounding
    const double scale = std::max(gradient.abs().max().item<double>(), 1e-4 * largest);
    EXPECT_LT((item.value().grad() - gradient).abs().max().item<double>(), 1e-9 * scale) << item.key();
  }
  EXPECT_LT(relative_error(context.grad(), loaded.golden["context_grad"]), 1e-9);
}

TEST_P(UNetParity, GradientCheckpointingChangesNoGradient) {
  Loaded plain(GetParam()), recomputed(GetParam());
  recomputed.unet->set_gradient_checkpointing(true);
  const torch::Tensor context = plain.golden["context"].clone().requires_grad_(), context2 = plain.golden["context"].clone().requires_grad_();
  const torch::Tensor prediction = plain.predict(context), again = recomputed.predict(context2);
  EXPECT_TRUE(torch::equal(again, prediction));
  prediction.square().sum().backward();
  again.square().sum().backward();
  const auto expected = plain.unet->named_parameters();
  double largest = 0;
  for (const auto& item : expected) largest = std::max(largest, item.value().grad().abs().max().item<double>());
  for (const auto& item : recomputed.unet->named_parameters())  // the time's gradient is summed in another order
    EXPECT_LT((item.value().grad() - expected[item.key()].grad()).abs().max().item<double>(), 1e-12 * largest) << item.key();
  EXPECT_LT(relative_error(context2.grad(), context.grad()), 1e-12);
}

TEST_P(UNetParity, Float32AndChannelsLast) {
  Loaded loaded(GetParam(), torch::kFloat32);
  torch::NoGradGuard no_grad;
  EXPECT_LT(relative_error(loaded.predict(loaded.golden["context"]), loaded.golden["prediction"]), 1e-5);
  to_channels_last(*loaded.unet);
  const torch::Tensor sample = loaded.golden["sample"].contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor prediction = loaded.unet->forward(sample, loaded.golden["timesteps"], loaded.golden["context"]);
  EXPECT_LT(relative_error(prediction, loaded.golden["prediction"]), 1e-5);
  EXPECT_TRUE(prediction.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST_P(UNetParity, PackedWeightsPredictTheSameAndKeepWhatAContextMade) {
  Loaded loaded(GetParam(), torch::kFloat32);
  pack_weights(*loaded.unet);
  torch::NoGradGuard no_grad;
  const torch::Tensor context = loaded.golden["context"].to(torch::kFloat32), other = context.roll(1, 0).contiguous();
  for (int call = 0; call < 3; ++call) EXPECT_LT(relative_error(loaded.predict(context), loaded.golden["prediction"]), 1e-5) << call;
  Loaded plain(GetParam(), torch::kFloat32);
  for (const torch::Tensor& asked : {other, context, other}) EXPECT_LT(relative_error(loaded.predict(asked), plain.predict(asked)), 1e-5);
  EXPECT_GT(relative_error(plain.predict(other), plain.predict(context)), 1e-3);   // or the test could not fail
  for (const auto& item : loaded.unet->named_parameters())
    if (item.key().find("attn2.to_k") != std::string::npos) item.value().mul_(3), plain.unet->named_parameters()[item.key()].mul_(3);
  EXPECT_LT(relative_error(loaded.predict(other), plain.predict(other)), 1e-5);    // other weights see the context anew
}

TEST_P(UNetParity, BFloat16IsNear) {
  Loaded loaded(GetParam(), torch::kBFloat16);
  torch::NoGradGuard no_grad;
  const torch::Tensor prediction = loaded.predict(loaded.golden["context"]);
  EXPECT_EQ(prediction.scalar_type(), torch::kBFloat16);
  EXPECT_LT(relative_error(prediction, loaded.golden["prediction"]), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Diffusers, UNetParity, ::testing::Values("unet_sd1.safetensors", "unet_linear.safetensors"));

TEST(UNet2DCondition, StableDiffusion1HasItsParameters) {
  UNet2DConditionConfig config;
  config.sample_size = 64;
  config.cross_attention_dim = 768;
  EXPECT_EQ(parameter_count(UNet2DConditionModel(config)), 859520964);
}

TEST(UNet2DCondition, OneTimestepStandsForTheBatch) {
  Loaded loaded("unet_sd1.safetensors");
  torch::NoGradGuard no_grad;
  const torch::Tensor sample = loaded.golden["sample"], context = loaded.golden["context"];
  const torch::Tensor one = loaded.unet->forward(sample, torch::tensor({17}), context);
  EXPECT_TRUE(torch::equal(one, loaded.unet->forward(sample, torch::tensor({17, 17}), context)));
}

TEST(UNet2DConditionConfig, SurvivesJson) {
  const DiffusersGolden golden("unet_linear.safetensors");
  const UNet2DConditionConfig config = unet_config_from_json(golden.config, "golden");
  const Json written = unet_config_to_json(config);
  for (const auto& [key, value] : written.items()) {
    if (key == "_class_name") continue;
    EXPECT_EQ(value, golden.config.at(key)) << key;
  }
  EXPECT_EQ(unet_config_to_json(unet_config_from_json(written, "again")), written);
}

void expect_rejected(const std::string& json, const std::string& part) {
  try {
    unet_config_from_json(parse_json(json, "config.json"), "config.json");
    FAIL() << json << " was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(UNet2DConditionConfig, NamesWhatItDoesNotSupport) {
  expect_rejected(R"({"_class_name": "UNet2DModel"})", "UNet2DModel");
  expect_rejected(R"({"addition_embed_type": "text_time"})", "addition_embed_type");
  expect_rejected(R"({"mid_block_type": null})", "mid_block_type");
  expect_rejected(R"({"down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"]})", "AttnDownBlock2D");
  expect_rejected(R"({"block_out_channels": [32, 64]})", "equally many");
  expect_rejected(R"({"attention_head_dim": [8, 8]})", "attention_head_dim");
  expect_rejected(R"({"attention_head_dim": 7})", "block_out_channels");
  expect_rejected(R"({"layers_per_block": 0})", "layers_per_block");
}

TEST(UNet2DConditionConfig, GroupsMustDivideTheChannels) {
  UNet2DConditionConfig config;
  config.norm_num_groups = 7;
  EXPECT_THROW(UNet2DConditionModel{config}, Error);
}

}  // namespace
}  // namespace defound
