#include "defound/models/vit.h"

#include <gtest/gtest.h>

#include "../support/expect_error.h"
#include "../support/tensors.h"
#include "defound/config/json.h"
#include "defound/tensor/load_weights.h"

namespace defound {
namespace {

using testing::below;
using testing::golden;
using testing::relative_error;

VitConfig golden_config(const std::string& global_pool) {
  VitConfig config;
  config.img_size = 16, config.patch_size = 4, config.embed_dim = 24, config.depth = 2, config.num_heads = 3, config.num_classes = 5;
  config.global_pool = global_pool;
  return config;
}

/// Tokens, pooled features, logits and every gradient against timm.
void expect_parity(const std::string& global_pool, torch::Dtype type, double most) {
  const TensorMap expected = golden("vit_" + global_pool + ".safetensors");
  VisionTransformer model(golden_config(global_pool));
  model.to(type);
  load_weights(model, below(expected, "weight"), {}, "golden");
  const torch::Tensor images = expected.at("images").to(type), tokens = model.forward_features(images);
  EXPECT_LT(relative_error(tokens, expected.at("tokens")), most);
  EXPECT_LT(relative_error(model.forward_head(tokens, true), expected.at("pre_logits")), most);
  const torch::Tensor logits = model.forward(images);
  EXPECT_LT(relative_error(logits, expected.at("logits")), most);
  (logits * expected.at("direction")).sum().backward();
  const TensorMap gradients = below(expected, "grad");
  ASSERT_EQ(model.named_parameters().size(), gradients.size());
  for (const auto& item : model.named_parameters()) EXPECT_LT(relative_error(item.value().grad(), gradients.at(item.key())), most) << item.key();
}

TEST(Vit, AveragePoolAgreesWithTimmInFp64) { expect_parity("avg", torch::kFloat64, 1e-9); }
TEST(Vit, AveragePoolAgreesWithTimmInFp32) { expect_parity("avg", torch::kFloat32, 1e-5); }
TEST(Vit, ClassTokenAgreesWithTimmInFp64) { expect_parity("token", torch::kFloat64, 1e-9); }
TEST(Vit, ClassTokenAgreesWithTimmInFp32) { expect_parity("token", torch::kFloat32, 1e-5); }

TEST(Vit, NamesGiveTimmsSizes) {
  const VitConfig base = vit_config("vit_base_patch16_384");
  EXPECT_EQ(std::tuple(base.img_size, base.patch_size, base.embed_dim, base.depth, base.num_heads), std::tuple(384, 16, 768, 12, 12));
  EXPECT_EQ(vit_config("vit_huge_patch14").patch_size, 14);
  for (const auto& name : vit_names()) EXPECT_GT(vit_config(name).embed_dim, 0) << name;
  testing::expect_error(ExitCode::kUsage, "did you mean vit_large_patch16", [] { vit_config("vit_larg_patch16"); });
  VitConfig large = vit_config("vit_large_patch16");
  large.num_classes = 1;
  int64_t backbone = -1 - large.embed_dim;   // without the head
  for (const auto& parameter : VisionTransformer(large, torch::kMeta).parameters()) backbone += parameter.numel();
  EXPECT_EQ(backbone, 303301632);
}

TEST(Vit, ConfigReadsAndWritesJson) {
  VitConfig config;
  from_json(config, parse_json(R"({"img_size": 96, "patch_size": 8, "global_pool": "avg"})", "x"), "x");
  EXPECT_EQ(std::tuple(config.img_size, config.patch_size, config.global_pool), std::tuple(96, 8, "avg"));
  EXPECT_EQ(to_json(config)["embed_dim"], 768);
  config.num_heads = 5;
  testing::expect_error(ExitCode::kUsage, "num_heads", [&] { config.check(); });
}

TEST(Vit, DropPathIsBySampleAndRisesWithDepth) {
  VitConfig config = golden_config("avg");
  config.depth = 3, config.drop_path_rate = 0.6;
  VisionTransformer model(config);
  model.init_weights(Draws(1, "init"));
  EXPECT_DOUBLE_EQ(model.blocks->list[0]->drop_path_rate, 0.0);
  EXPECT_DOUBLE_EQ(model.blocks->list[1]->drop_path_rate, 0.3);
  EXPECT_DOUBLE_EQ(model.blocks->list[2]->drop_path_rate, 0.6);
  const torch::Tensor images = golden("vit_avg.safetensors").at("images").to(torch::kFloat32);
  const std::vector<uint64_t> ids = {10, 20, 30}, one = {20};
  const RowDraws rows{Draws(5, "train"), ids}, row{Draws(5, "train"), one};
  const torch::Tensor together = model.forward_features(images, &rows);
  EXPECT_LT(relative_error(model.forward_features(images.slice(0, 1, 2), &row), together.slice(0, 1, 2)), 1e-5);
  EXPECT_GT(relative_error(model.forward_features(images), together), 1e-3);
}

TEST(Vit, InitKeepsTheHeadSmall) {
  VisionTransformer model(golden_config("avg"));
  model.init_weights(Draws(3, "init"));
  EXPECT_NEAR(model.head->weight.std().item<double>(), 2e-5, 5e-6);
  EXPECT_NEAR(model.blocks->list[1]->mlp->fc1->weight.std().item<double>(), 0.02, 0.002);
  EXPECT_TRUE(model.fc_norm->weight.eq(1).all().item<bool>());
  EXPECT_TRUE(model.norm == nullptr);
}

}  // namespace
}  // namespace defound
