#include "defound/nn/drop_path.h"

#include <gtest/gtest.h>

#include <numeric>

#include "../support/expect_error.h"

namespace defound {
namespace {

TEST(DropPath, DropsWholeRowsAndKeepsTheMean) {
  std::vector<uint64_t> ids(4000);
  std::iota(ids.begin(), ids.end(), uint64_t{0});
  const torch::Tensor out = drop_path(torch::ones({4000, 2, 3}), 0.25, {Draws(1, "train"), ids}, "3.attn");
  EXPECT_TRUE((out.eq(0) | out.sub(1 / 0.75).abs().lt(1e-6)).all().item<bool>());
  EXPECT_TRUE(out.eq(out.select(1, 0).select(1, 0).view({-1, 1, 1})).all().item<bool>());
  EXPECT_NEAR(out.mean().item<double>(), 1.0, 4 * std::sqrt(1.0 / 3 / 4000));
}

TEST(DropPath, ARowDependsOnItsIdAndLayerOnly) {
  const std::vector<uint64_t> together = {5, 900, 17, 3, 44, 21, 8, 60}, alone = {17};
  const Draws draws(1, "train");
  const torch::Tensor ones = torch::ones({8, 1});
  const torch::Tensor all = drop_path(ones, 0.5, {draws, together}, "0.mlp");
  EXPECT_TRUE(drop_path(ones.slice(0, 0, 1), 0.5, {draws, alone}, "0.mlp").equal(all.slice(0, 2, 3)));
  EXPECT_FALSE(drop_path(ones, 0.5, {draws, together}, "1.mlp").equal(all));
  EXPECT_FALSE(drop_path(ones, 0.5, {Draws(2, "train"), together}, "0.mlp").equal(all));
}

TEST(DropPath, RateZeroIsTheBranchItselfAndIdsMustFit) {
  const std::vector<uint64_t> ids = {1, 2};
  const torch::Tensor branch = torch::ones({2, 3});
  EXPECT_EQ(drop_path(branch, 0.0, {Draws(1, "x"), ids}, "0").data_ptr(), branch.data_ptr());
  testing::expect_error(ExitCode::kFailed, "2 ids", [&] { drop_path(torch::ones({3, 3}), 0.1, {Draws(1, "x"), ids}, "0"); });
}

}  // namespace
}  // namespace defound
