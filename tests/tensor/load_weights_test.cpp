#include "defound/tensor/load_weights.h"

#include <torch/nn/modules/linear.h>
#include <gtest/gtest.h>

#include "../support/expect_error.h"

namespace defound {
namespace {

using testing::expect_error;

struct Model : torch::nn::Module {
  Model() {
    fc = register_module("fc", torch::nn::Linear(2, 3));
    head = register_module("head", torch::nn::Linear(3, 1));
    register_buffer("table", torch::zeros({2}));
  }
  void fill_bias(float value) {
    const torch::NoGradGuard no_grad;
    fc->bias.fill_(value);
    head->bias.fill_(value);
  }
  torch::nn::Linear fc{nullptr}, head{nullptr};
};

TensorMap ones_like(const torch::nn::Module& module) {
  TensorMap weights;
  for (const auto& [name, tensor] : state_dict(module)) weights[name] = torch::ones_like(tensor);
  return weights;
}

TEST(StateDict, NamesParametersAndBuffersAndSharesTheirMemory) {
  Model model;
  TensorMap weights = state_dict(model);
  ASSERT_EQ(weights.size(), 5u);
  weights.at("table").fill_(7);
  weights.at("fc.bias").fill_(8);
  EXPECT_EQ(model.named_buffers()["table"][0].item<float>(), 7);
  EXPECT_EQ(model.fc->bias[2].item<float>(), 8);
}

TEST(LoadWeights, CopiesAndConvertsTheType) {
  Model model;
  TensorMap weights = ones_like(model);
  weights["fc.weight"] = torch::full({3, 2}, 1.5, torch::kBFloat16);
  const float* memory = model.fc->weight.data_ptr<float>();
  load_weights(model, weights, {}, "file");
  EXPECT_EQ(model.fc->weight.data_ptr<float>(), memory);
  EXPECT_TRUE(model.fc->weight.eq(1.5).all().item<bool>());
  EXPECT_TRUE(model.fc->weight.requires_grad());
}

TEST(LoadWeights, NamesWhatDoesNotFitAndCopiesNothing) {
  Model model;
  model.fill_bias(3);
  const auto refuse = [&](const std::string& part, const TensorMap& weights, const LoadRules& rules = {}) {
    expect_error(ExitCode::kUsage, part, [&] { load_weights(model, weights, rules, "some.safetensors"); });
    expect_error(ExitCode::kUsage, "some.safetensors", [&] { load_weights(model, weights, rules, "some.safetensors"); });
    EXPECT_TRUE(model.fc->bias.eq(3).all().item<bool>());
  };
  TensorMap weights = ones_like(model);
  weights.erase("table");
  refuse("1 missing (table)", weights);
  refuse("1 missing (table)", weights, {.missing_ok = {"fc."}, .surplus_ok = {}});
  weights = ones_like(model);
  weights["more"] = torch::ones({1});
  refuse("1 not in the model (more)", weights);
  weights = ones_like(model);
  weights["head.weight"] = torch::ones({2, 3});
  refuse("head.weight is Float [2, 3] in the file, Float [1, 3] in the model", weights, {.missing_ok = {"head."}, .surplus_ok = {"head."}});
  refuse("number of classes", weights);
  weights["head.weight"] = torch::ones({1, 3}, torch::kInt64);
  refuse("head.weight is Long", weights);
  refuse("another kind of model", {{"x", torch::ones({1})}});
  TensorMap wrapped;
  for (const auto& [name, tensor] : ones_like(model)) wrapped["module." + name] = tensor;
  refuse("begin with 'module.'", wrapped);
}

TEST(LoadWeights, RulesAllowWhatTheyName) {
  Model model;
  model.fill_bias(9);
  TensorMap weights = ones_like(model);
  weights.erase("head.bias");
  weights["decoder.x"] = torch::ones({4});
  load_weights(model, weights, {.missing_ok = {"head."}, .surplus_ok = {"decoder."}}, "file");
  EXPECT_EQ(model.head->bias.item<float>(), 9);
  EXPECT_TRUE(model.head->weight.eq(1).all().item<bool>());
}

}  // namespace
}  // namespace defound
