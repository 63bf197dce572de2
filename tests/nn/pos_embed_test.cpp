#include "defound/nn/pos_embed.h"

#include <gtest/gtest.h>

#include "../support/expect_error.h"
#include "../support/tensors.h"

namespace defound {
namespace {

using testing::golden;
using testing::relative_error;

TEST(PosEmbed, TableIsTheReferences) {
  const TensorMap expected = golden("mae.safetensors");
  EXPECT_LT(relative_error(sincos_pos_embed(24, 3), expected.at("sincos")), 1e-14);
  testing::expect_error(ExitCode::kUsage, "multiple of 4", [] { sincos_pos_embed(18, 3); });
}

TEST(PosEmbed, InterpolatesToAnotherGrid) {
  const TensorMap expected = golden("mae.safetensors");
  EXPECT_LT(relative_error(interpolate_pos_embed(expected.at("sincos"), 5), expected.at("sincos_resized")), 1e-12);
  EXPECT_TRUE(interpolate_pos_embed(expected.at("sincos"), 3).equal(expected.at("sincos")));
  EXPECT_EQ(interpolate_pos_embed(torch::randn({1, 17, 8}).to(torch::kBFloat16), 6).sizes(), (std::vector<int64_t>{1, 37, 8}));
  testing::expect_error(ExitCode::kUsage, "not of a square", [] { interpolate_pos_embed(torch::zeros({1, 8, 4}), 3); });
}

TEST(PosEmbed, InterpolatesAsMaeAndAsTimm) {
  const TensorMap expected = golden("weight_files/pos_embed.safetensors");
  for (const int64_t grid : {4, 9}) {
    const std::string size = std::to_string(grid);
    EXPECT_LT(relative_error(interpolate_pos_embed(expected.at("table"), grid), expected.at("mae_" + size)), 1e-12);
    EXPECT_LT(relative_error(interpolate_pos_embed(expected.at("table").to(torch::kFloat32), grid, TableInterpolation::kTimm), expected.at("timm_" + size)), 1e-6);
  }
}

}  // namespace
}  // namespace defound
