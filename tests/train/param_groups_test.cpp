#include "defound/train/param_groups.h"

#include <gtest/gtest.h>

#include <cmath>

#include "../support/expect_error.h"
#include "../support/tensors.h"
#include "defound/models/mae.h"
#include "defound/models/vit.h"

namespace defound {
namespace {

using testing::below;
using testing::golden;

VisionTransformer deep_model() {
  VitConfig config;
  config.img_size = 16, config.patch_size = 8, config.embed_dim = 8, config.depth = 24, config.num_heads = 2, config.num_classes = 3;
  config.global_pool = "avg";
  return VisionTransformer(config);
}

void expect_equal(const std::vector<ParamGroup>& groups, const TensorMap& expected) {
  size_t compared = 0;
  for (const ParamGroup& group : groups) {
    ASSERT_EQ(group.names.size(), group.params.size());
    for (const std::string& name : group.names) {
      EXPECT_NEAR(group.lr_scale / expected.at(name)[0].item<double>(), 1.0, 1e-12) << name;
      EXPECT_EQ(group.weight_decay, expected.at(name)[1].item<double>()) << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, expected.size());
}

TEST(ParamGroups, LayerDecayAgreesWithTimm) {
  const VisionTransformer model = deep_model();
  expect_equal(layer_decay_groups(model, 24, 0.05, 0.65), below(golden("layer_decay.safetensors"), "layer_decay"));
}

TEST(ParamGroups, WeightDecayAgreesWithTimm) {
  const VisionTransformer model = deep_model();
  expect_equal(weight_decay_groups(model, 0.05), below(golden("layer_decay.safetensors"), "weight_decay"));
}

TEST(ParamGroups, LayerDecayConstants) {
  const VisionTransformer model = deep_model();
  std::map<std::string, double> scales;
  for (const ParamGroup& group : layer_decay_groups(model, 24, 0.05, 0.65))
    for (const std::string& name : group.names) scales[name] = group.lr_scale;
  EXPECT_NEAR(scales.at("patch_embed.proj.weight"), 2.103e-5, 1e-8);
  EXPECT_NEAR(scales.at("blocks.0.norm1.bias"), std::pow(0.65, 24), 1e-12);
  EXPECT_NEAR(scales.at("blocks.23.mlp.fc2.weight"), 0.65, 1e-12);
  EXPECT_EQ(scales.at("head.weight"), 1.0);
  EXPECT_EQ(scales.at("fc_norm.weight"), 1.0);
}

TEST(ParamGroups, LeaveFrozenParametersOut) {
  MaeConfig config = mae_config("tiny");
  config.depth = config.decoder_depth = 1;
  const MaskedAutoencoder model(config);
  for (const ParamGroup& group : weight_decay_groups(model, 0.05))
    for (const std::string& name : group.names) EXPECT_FALSE(name.ends_with("pos_embed")) << name;
}

TEST(ParamGroups, RefuseAModelOfAnotherDepth) {
  const VisionTransformer model = deep_model();
  testing::expect_error(ExitCode::kFailed, "12 blocks deep", [&] { layer_decay_groups(model, 12, 0.05, 0.65); });
}

}  // namespace
}  // namespace defound
