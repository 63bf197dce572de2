#include <gtest/gtest.h>

#include <cstdlib>

#include "defound/models/merge_lora.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/pth.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::golden;
using testing::relative_error;
using testing::TempFolder;

const fs::path kBase = fs::path(DEFOUND_GOLDENS) / "stable_diffusion";
const fs::path kAdapters = fs::path(DEFOUND_GOLDENS) / "lora";
const LoraOptions kOptions{.rank = 3, .alpha = 6};

/// The base in float64, with adapters merged.
Generator base_with(const std::vector<std::pair<fs::path, double>>& adapters) {
  Generator generator = Generator::load(kBase);
  generator.model->to(torch::kFloat64);
  for (const auto& [file, scale] : adapters) merge_lora(generator, read_lora(file), scale);
  return generator;
}

torch::Tensor predict(const Generator& generator) {
  const TensorMap tensors = golden("lora.safetensors");
  return generator.model->unet->forward(tensors.at("sample"), tensors.at("timesteps"), tensors.at("context"));
}

double error_of(const std::vector<std::pair<fs::path, double>>& adapters, const std::string& expected) {
  const torch::NoGradGuard no_grad;
  return relative_error(predict(base_with(adapters)), golden("lora.safetensors").at(expected));
}

/// The base in float64 with a trainable adapter that holds the golden's A and B.
Generator base_with_trainable() {
  Generator generator = base_with({});
  add_lora(*generator.model->unet, kOptions, Draws(1, "lora"));
  const torch::NoGradGuard no_grad;
  TensorMap weights = state_dict(*generator.model);
  for (const auto& [name, tensor] : load_safetensors(kAdapters / "pytorch_lora_weights.safetensors").tensors)
    weights.at(name).copy_(tensor);
  return generator;
}

TEST(LoraParity, PredictionLossAndGradientsOfAAndBInFloat64) {
  const TensorMap tensors = golden("lora.safetensors");
  const Generator generator = base_with_trainable();
  const torch::Tensor prediction = predict(generator);
  EXPECT_LT(relative_error(prediction, tensors.at("prediction")), 1e-9);
  EXPECT_GT(relative_error(tensors.at("base"), tensors.at("prediction")), 0.01);  // the adapter matters
  const torch::Tensor loss = torch::mse_loss(prediction, tensors.at("noise"));
  EXPECT_LT(relative_error(loss, tensors.at("loss")), 1e-9);
  loss.backward();
  size_t compared = 0;
  for (const auto& item : generator.model->unet->named_parameters()) {
    const auto expected = tensors.find("grad." + item.key());
    ASSERT_EQ(item.value().grad().defined(), expected != tensors.end()) << item.key();
    if (expected == tensors.end()) continue;
    EXPECT_LT(relative_error(item.value().grad(), expected->second), 1e-8) << item.key();
    ++compared;
  }
  EXPECT_EQ(compared, 64u);
}

TEST(LoraFile, EveryProgramsFormIsTheSameAdapter) {
  for (const char* name :
       {"pytorch_lora_weights.safetensors", "down_up.safetensors", "processors.safetensors", "kohya.safetensors"})
    EXPECT_LT(error_of({{kAdapters / name, 1}}, "prediction"), 1e-5) << name;
  EXPECT_LT(error_of({{kAdapters, 1}}, "prediction"), 1e-5);  // a folder, as diffusers takes it
  EXPECT_LT(error_of({{kAdapters, 0}}, "base"), 1e-7);
  EXPECT_LT(error_of({{kAdapters, 0.5}}, "half"), 1e-5);
  EXPECT_LT(error_of({{kAdapters, 0.25}, {kAdapters / "kohya.safetensors", 0.25}}, "half"), 1e-5);  // they add up
  EXPECT_LT(error_of({{kAdapters / "peft", 1}}, "alpha_pattern"), 1e-5);
}

TEST(LoraFile, IsReadFromTorchSaveToo) {
  const TempFolder temp;
  save_pth(temp / "pytorch_lora_weights.bin", load_safetensors(kAdapters / "down_up.safetensors").tensors);
  EXPECT_LT(error_of({{temp.path(), 1}}, "prediction"), 1e-5);
}

TEST(LoraFile, ChangesTheTextEncoder) {
  Generator generator = Generator::load(kBase);
  const std::vector<std::string> prompts = {"mild retinopathy", "Normal, 45° fundus!"};
  const torch::Tensor before = generator.model->condition->encode(prompts, torch::kCPU);  // kept for the next time
  merge_lora(generator, read_lora(kAdapters / "text.safetensors"), 1);
  const torch::Tensor after = generator.model->condition->encode(prompts, torch::kCPU);
  EXPECT_LT(relative_error(after, golden("lora.safetensors").at("text")), 1e-5);
  EXPECT_GT(relative_error(before, after), 0.01);
}

TEST(LoraFile, SavedAndReadAgainItIsTheTrainedAdapter) {
  const TempFolder temp;
  const torch::NoGradGuard no_grad;
  const Generator trained = base_with_trainable();
  save_lora(temp / "pytorch_lora_weights.safetensors", state_dict(*trained.model), kOptions,
            {{"macular_hole", "a macular hole, seen"}});
  const Safetensors file = load_safetensors(temp / "pytorch_lora_weights.safetensors"),
                    theirs = load_safetensors(kAdapters / "pytorch_lora_weights.safetensors");
  ASSERT_EQ(file.tensors.size(), theirs.tensors.size());
  for (const auto& [name, tensor] : theirs.tensors) EXPECT_TRUE(torch::equal(file.tensors.at(name), tensor)) << name;
  const Generator merged = base_with({{temp.path(), 1}});
  EXPECT_LT(relative_error(predict(merged), predict(trained)), 1e-6);
  EXPECT_EQ(merged.model->condition->request_for("macular_hole"), "a macular hole, seen");
  // for scripts/goldens/check_lora.py
  if (const char* kept = std::getenv("DEFOUND_INTERCHANGE")) {
    fs::copy(temp / "pytorch_lora_weights.safetensors", fs::path(kept) / "pytorch_lora_weights.safetensors",
             fs::copy_options::overwrite_existing);
    TensorMap pair = golden("lora.safetensors");
    pair["prediction"] = predict(trained);
    save_safetensors(fs::path(kept) / "lora_pair.safetensors", pair);
  }
}

TEST(LoraFile, LabelsOfAdaptersJoinThoseOfTheGenerator) {
  Generator generator = Generator::load(kBase);
  dynamic_cast<TextCondition&>(*generator.model->condition).set_labels({{"normal", "Normal fundus"}, {"hole", "old"}});
  merge_lora(generator, {.labels = {{"hole", "a macular hole"}, {"membrane", "a membrane"}}}, 1);
  EXPECT_EQ(generator.labels(), (std::vector<std::string>{"normal", "hole", "membrane"}));
  EXPECT_EQ(generator.model->condition->request_for("hole"), "a macular hole");
}

TEST(MergedWeights, TakesConvolutionsAndKeepsTheType) {
  const torch::Tensor weight = torch::randn({4, 3, 3, 3}), down = torch::randn({2, 3, 3, 3}), up = torch::randn({4, 2, 1, 1});
  const LoraLayers layers = {{"conv_in", {down, up, 0.5}}};
  const TensorMap merged = merged_weights({{"conv_in.weight", weight}, {"conv_in.bias", torch::zeros({4})}}, layers, 2, "file");
  ASSERT_EQ(merged.size(), 1u);
  const torch::Tensor x = torch::randn({1, 3, 5, 5}), low = torch::conv2d(x, down);
  EXPECT_LT(relative_error(torch::conv2d(x, merged.at("conv_in.weight")), torch::conv2d(x, weight) + torch::conv2d(low, up)),
            1e-5);
  EXPECT_EQ(merged_weights({{"conv_in.weight", weight.to(torch::kHalf)}}, layers, 2, "file").at("conv_in.weight").scalar_type(),
            torch::kHalf);
}

TEST(LoraFile, WhatDoesNotFitIsNamed) {
  const TempFolder temp;
  const fs::path file = temp / "lora.safetensors";
  const TensorMap good = load_safetensors(kAdapters / "pytorch_lora_weights.safetensors").tensors;
  const std::string layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k";
  const auto rejected = [&](const std::string& part, const std::function<void(TensorMap&)>& change,
                            const std::map<std::string, std::string>& metadata = {}) {
    TensorMap changed = good;
    change(changed);
    save_safetensors(file, changed, metadata);
    expect_error(ExitCode::kUsage, part, [&] { (void)base_with({{file, 1}}); });
  };
  rejected("attn1.to_k lacks its B (up)", [&](TensorMap& w) { w.erase(layer + ".lora_B.weight"); });
  rejected("do not fit together", [&](TensorMap& w) { w[layer + ".lora_B.weight"] = torch::zeros({8, 2}); });
  rejected("trained on another model", [&](TensorMap& w) { w[layer + ".lora_A.weight"] = torch::zeros({3, 9}); });
  rejected("has no layer nowhere.to_k", [&](TensorMap& w) {
    w["unet.nowhere.to_k.lora_A.weight"] = torch::zeros({3, 8}), w["unet.nowhere.to_k.lora_B.weight"] = torch::zeros({8, 3});
  });
  rejected("lora_magnitude_vector' is no part of a plain LoRA",
           [&](TensorMap& w) { w[layer + ".lora_magnitude_vector"] = torch::zeros({8}); });
  rejected("use_dora is set", [](TensorMap&) {}, {{"lora_adapter_metadata", R"({"unet.r": 3, "unet.use_dora": true})"}});
  rejected("regular expression", [](TensorMap&) {}, {{"lora_adapter_metadata", R"({"unet.alpha_pattern": {"mid.*": 3}})"}});
  rejected("lora_alpha must be a number", [](TensorMap&) {}, {{"lora_adapter_metadata", R"({"unet.lora_alpha": "6"})"}});
  expect_error(ExitCode::kUsage, "the file is this: diffusers UNet",
               [&] { read_lora(kBase / "unet" / "diffusion_pytorch_model.safetensors"); });
  expect_error(ExitCode::kUsage, "neither pytorch_lora_weights.safetensors", [&] { read_lora(kBase); });
  expect_error(ExitCode::kUsage, "does not exist", [&] { read_lora(temp / "none"); });
  expect_error(ExitCode::kFailed, "not finite",
               [&] { save_lora(file, {{"unet.x.lora_A.weight", torch::full({1, 1}, NAN)}}, kOptions, {}); });
}

TEST(LoraChoice, IsAFileAndMaybeAScale) {
  const TempFolder temp;
  const auto parsed = [](const std::string& text) {
    return std::pair{parse_lora_choice(text).file.string(), parse_lora_choice(text).scale};
  };
  EXPECT_EQ(parsed("runs/hole"), std::pair(std::string("runs/hole"), 1.0));
  EXPECT_EQ(parsed("runs/hole:0.5"), std::pair(std::string("runs/hole"), 0.5));
  EXPECT_EQ(parsed("a:b:-1e-1"), std::pair(std::string("a:b"), -0.1));
  const std::string odd = temp.write("odd:2", "a file of this name").string();
  EXPECT_EQ(parsed(odd), std::pair(odd, 1.0));
  expect_error(ExitCode::kUsage, "'half' is no number", [] { parse_lora_choice("runs/hole:half"); });
  expect_error(ExitCode::kUsage, "'' is no number", [] { parse_lora_choice("runs/hole:"); });
  expect_error(ExitCode::kUsage, "'nan' is no number", [] { parse_lora_choice("runs/hole:nan"); });
}

}  // namespace
}  // namespace defound
