#include "defound/models/vit_conversion.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/small_vit.h"
#include "support/weight_lists.h"

namespace defound {
namespace {

using testing::drawn_weights;
using testing::expect_error;
using testing::listed_weights;
using testing::tiny_mae;
using testing::tiny_vit;

TensorMap converted(const TensorMap& file, VitNames target, const VitConversion& options = {}) {
  std::vector<std::string> changes;
  return convert_vit(file, identify_weights(file), target, options, "file", changes);
}

void expect_same(const TensorMap& found, const TensorMap& expected) {
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_TRUE(found.at(name).equal(tensor)) << name;
  }
}

TensorMap without(TensorMap weights, const std::vector<std::string>& prefixes) {
  std::erase_if(weights, [&](const auto& item) { return has_prefix(item.first, prefixes); });
  return weights;
}

TEST(ConvertVit, TransformersNamesBecomeMaes) {
  const TensorMap found = converted(listed_weights("vit_mae_large_transformers"), VitNames::kMae), expected = listed_weights("mae_vit_large_full");
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name).sizes(), tensor.sizes()) << name;
  }
}

TEST(ConvertVit, TheOlderTransformersNamesToo) {
  const TensorMap found = converted({{"vit.embeddings.cls_token", torch::zeros({1, 1, 2})},
                                     {"vit.embeddings.patch_embeddings.projection.weight", torch::zeros({2, 3, 4, 4})},
                                     {"vit.encoder.layer.0.attention.attention.query.weight", torch::full({2, 2}, 1.0)},
                                     {"vit.encoder.layer.0.attention.attention.key.weight", torch::full({2, 2}, 2.0)},
                                     {"vit.encoder.layer.0.attention.attention.value.weight", torch::full({2, 2}, 3.0)},
                                     {"vit.encoder.layer.0.attention.output.dense.weight", torch::full({2, 2}, 4.0)},
                                     {"vit.encoder.layer.0.intermediate.dense.weight", torch::full({8, 2}, 5.0)},
                                     {"vit.encoder.layer.0.output.dense.weight", torch::full({2, 8}, 6.0)},
                                     {"vit.encoder.layer.0.layernorm_before.bias", torch::full({2}, 7.0)},
                                     {"vit.layernorm.weight", torch::full({2}, 8.0)}},
                                    VitNames::kMae);
  EXPECT_EQ(found.at("blocks.0.attn.qkv.weight").select(1, 0).equal(torch::tensor({1.F, 1.F, 2.F, 2.F, 3.F, 3.F})), true);
  EXPECT_EQ(found.at("blocks.0.attn.proj.weight")[0][0].item<float>(), 4);
  EXPECT_EQ(found.at("blocks.0.mlp.fc1.weight")[0][0].item<float>(), 5);
  EXPECT_EQ(found.at("blocks.0.mlp.fc2.weight")[0][0].item<float>(), 6);
  EXPECT_EQ(found.at("blocks.0.norm1.bias")[0].item<float>(), 7);
  EXPECT_EQ(found.at("norm.weight")[0].item<float>(), 8);
  expect_error(ExitCode::kUsage, "k_proj", [] {
    converted({{"embeddings.patch_embeddings.projection.weight", torch::zeros({2, 3, 4, 4})}, {"layers.0.attention.q_proj.weight", torch::zeros({2, 2})}}, VitNames::kMae);
  });
}

TEST(ConvertVit, TimmTakesNoDecoder) {
  const TensorMap mae = drawn_weights<MaskedAutoencoder>(tiny_mae());
  expect_same(converted(mae, VitNames::kTimm), without(mae, {"decoder_", "mask_token"}));
  expect_same(converted(mae, VitNames::kMae), mae);
  expect_same(converted(mae, VitNames::kMae, {.drop_decoder = true}), without(mae, {"decoder_", "mask_token"}));
}

TEST(ConvertVit, ClassifiersKeepEveryBitBothWays) {
  const TensorMap tuned = drawn_weights<VisionTransformer>(tiny_vit("avg"));
  for (const VitNames target : {VitNames::kMae, VitNames::kTimm, VitNames::kRetfound}) expect_same(converted(tuned, target), tuned);
  const TensorMap token = drawn_weights<VisionTransformer>(tiny_vit("token"));
  expect_same(converted(token, VitNames::kTimm), token);
  const TensorMap there = converted(token, VitNames::kRetfound);   // RETFound's classifiers pool the patches
  EXPECT_TRUE(there.at("fc_norm.weight").equal(token.at("norm.weight")));
  EXPECT_FALSE(there.contains("norm.weight"));
  expect_same(converted(there, VitNames::kTimm, {.global_pool = "token"}), token);
}

TEST(ConvertVit, HeadsAreLeftOutOrDrawnAnew) {
  const TensorMap tuned = drawn_weights<VisionTransformer>(tiny_vit("avg", 5));
  expect_same(converted(tuned, VitNames::kTimm, {.drop_head = true}), without(tuned, {"head."}));
  expect_same(converted(tuned, VitNames::kTimm, {.num_classes = 5}), tuned);
  const TensorMap other = converted(tuned, VitNames::kTimm, {.num_classes = 7, .seed = 3});
  EXPECT_EQ(other.at("head.weight").sizes(), (std::vector<int64_t>{7, 24}));
  EXPECT_EQ(other.at("head.bias").count_nonzero().item<int64_t>(), 0);
  EXPECT_GT(other.at("head.weight").std().item<double>(), 1e-5);
  EXPECT_LT(other.at("head.weight").std().item<double>(), 3e-5);
  expect_same(converted(tuned, VitNames::kTimm, {.num_classes = 7, .seed = 3}), other);
}

TEST(ConvertVit, PositionTablesFitAnotherImageSize) {
  const TensorMap tuned = drawn_weights<VisionTransformer>(tiny_vit());
  for (const auto interpolation : {TableInterpolation::kMae, TableInterpolation::kTimm}) {
    const TensorMap smaller = converted(tuned, VitNames::kTimm, {.input_size = 8, .interpolation = interpolation});
    EXPECT_TRUE(smaller.at("pos_embed").equal(interpolate_pos_embed(tuned.at("pos_embed"), 2, interpolation)));
  }
  // A whole MAE of another size has the tables that the reference makes for that size.
  const TensorMap resized = converted(drawn_weights<MaskedAutoencoder>(tiny_mae(16)), VitNames::kMae, {.input_size = 24}), larger = drawn_weights<MaskedAutoencoder>(tiny_mae(24));
  for (const char* table : {"pos_embed", "decoder_pos_embed"}) EXPECT_TRUE(resized.at(table).equal(larger.at(table))) << table;
  expect_same(converted(tuned, VitNames::kTimm, {.input_size = 16}), tuned);
  expect_error(ExitCode::kUsage, "no multiple of the patch size 4", [&] { converted(tuned, VitNames::kTimm, {.input_size = 18}); });
  TensorMap oblong = tuned;
  oblong["pos_embed"] = torch::zeros({1, 13, 24});
  expect_error(ExitCode::kUsage, "pos_embed has 13 rows", [&] { converted(oblong, VitNames::kTimm, {.input_size = 24}); });
}

TEST(ConvertVit, DinoV2GoesToTimmOnly) {
  const TensorMap found = converted(testing::with_prefix(listed_weights("retfound_dinov2"), "teacher."), VitNames::kTimm);
  EXPECT_EQ(found.size(), listed_weights("retfound_dinov2").size() - 2);   // the mask token and the projection head
  EXPECT_TRUE(found.contains("blocks.23.ls2.gamma"));
  TensorMap chunked = testing::shapes_only(
      {{"cls_token", {1, 1, 8}}, {"patch_embed.proj.weight", {8, 3, 14, 14}}, {"blocks.0.0.attn.qkv.weight", {24, 8}}, {"blocks.1.3.ls1.gamma", {8}}});
  EXPECT_TRUE(converted(chunked, VitNames::kTimm).contains("blocks.3.ls1.gamma"));
  chunked["cls_token"] = torch::full({1, 1, 8}, 1.0), chunked["pos_embed"] = torch::full({1, 5, 8}, 2.0), chunked["register_tokens"] = torch::zeros({1, 4, 8});
  const TensorMap registers = converted(chunked, VitNames::kTimm);
  EXPECT_EQ(registers.at("cls_token").sum().item<float>(), 24);
  EXPECT_EQ(registers.at("pos_embed").size(1), 4);
  EXPECT_TRUE(registers.contains("reg_token"));
  expect_error(ExitCode::kUsage, "layer scale", [&] { converted(listed_weights("retfound_dinov2"), VitNames::kRetfound); });
  expect_error(ExitCode::kUsage, "diffusers UNet, SD 1.x", [&] { converted(listed_weights("unet_sd1"), VitNames::kMae); });
}

}  // namespace
}  // namespace defound
