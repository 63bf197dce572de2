#include "defound/models/clip_text.h"

#include <gtest/gtest.h>

#include "defound/nn/initialize.h"
#include "defound/tensor/load_weights.h"
#include "support/diffusers_golden.h"
#include "support/expect_error.h"

namespace defound {
namespace {

using testing::DiffusersGolden;
using testing::expect_error;
using testing::relative_error;

class ClipTextParity : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<ClipTextModel> load(torch::Dtype dtype) {
    auto model = std::make_shared<ClipTextModel>(clip_text_config_from_json(golden_.config.at(GetParam()), "golden"));
    model->to(dtype);
    load_weights(*model, golden_.below(GetParam() + "/weight/"), {}, "golden");
    return model;
  }
  torch::Tensor golden(const std::string& name) { return golden_[GetParam() + "/" + name]; }
  const DiffusersGolden golden_{"clip_text.safetensors"};
};

TEST_P(ClipTextParity, LastHiddenStateAndEveryGradientInFloat64) {
  const auto model = load(torch::kFloat64);
  const torch::Tensor hidden = model->forward(golden("ids"));
  EXPECT_LT(relative_error(hidden, golden("hidden")), 1e-9);
  EXPECT_LT(relative_error(model->forward(golden("ids").slice(1, 0, 4)), golden("short")), 1e-9);
  hidden.square().sum().backward();
  const TensorMap expected = golden_.below(GetParam() + "/grad/");
  const auto parameters = model->named_parameters();
  ASSERT_EQ(parameters.size(), expected.size());
  double scale = 0;
  for (const auto& [name, gradient] : expected) scale = std::max(scale, gradient.abs().max().item<double>());
  for (const auto& item : parameters)
    EXPECT_LT((item.value().grad() - expected.at(item.key())).abs().max().item<double>(), 1e-9 * scale) << item.key();
}

TEST_P(ClipTextParity, Float32) {
  const torch::NoGradGuard no_grad;
  EXPECT_LT(relative_error(load(torch::kFloat32)->forward(golden("ids")), golden("hidden")), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Transformers, ClipTextParity, ::testing::Values("quick", "gelu"));

TEST(ClipText, StableDiffusion1HasItsParameters) {
  ClipTextConfig config;
  config.hidden_size = 768, config.intermediate_size = 3072, config.num_attention_heads = 12;
  EXPECT_EQ(parameter_count(ClipTextModel(config)), 123060480);
}

TEST(ClipText, OlderAndNewerNamesAreTheSameWeights) {
  const torch::Tensor row = torch::ones(3);
  const TensorMap today = clip_text_weights({{"final_layer_norm.weight", row}}),
                  old = clip_text_weights({{"text_model.final_layer_norm.weight", row}, {"text_model.embeddings.position_ids", torch::arange(77)}});
  ASSERT_EQ(today.size(), 1u);
  ASSERT_EQ(old.size(), 1u);
  EXPECT_TRUE(today.contains("text_model.final_layer_norm.weight") && old.contains("text_model.final_layer_norm.weight"));
}

TEST(ClipTextConfig, SurvivesJsonAndNamesWhatDoesNotFit) {
  const DiffusersGolden golden("clip_text.safetensors");
  const Json written = clip_text_config_to_json(clip_text_config_from_json(golden.config.at("quick"), "golden"));
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps",
                          "max_position_embeddings", "eos_token_id", "model_type"})
    EXPECT_EQ(written.at(key), golden.config.at("quick").at(key)) << key;
  const auto rejected = [](const std::string& text, const std::string& part) {
    expect_error(ExitCode::kUsage, part, [&] { clip_text_config_from_json(parse_json(text, "config.json"), "config.json"); });
  };
  rejected(R"({"hidden_act": "relu"})", "hidden_act");
  rejected(R"({"num_attention_heads": 7})", "num_attention_heads");
  rejected(R"({"model_type": "t5"})", "t5");
  rejected(R"({"text_config": {"hidden_size": 0}})", "hidden_size");
  ClipTextConfig config;
  config.hidden_size = 8, config.vocab_size = 4, config.intermediate_size = 8;
  expect_error(ExitCode::kUsage, "at most 77", [&] { ClipTextModel(config).forward(torch::zeros({1, 78}, torch::kInt64)); });
}

}  // namespace
}  // namespace defound
