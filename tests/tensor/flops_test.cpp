#include "defound/tensor/flops.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

TEST(CountFlops, LinearConvolutionAndAttentionOnMeta) {
  const auto meta = torch::TensorOptions().device(torch::kMeta);
  torch::NoGradGuard no_grad;
  EXPECT_EQ(count_flops([&] { torch::linear(torch::empty({2, 5, 8}, meta), torch::empty({3, 8}, meta), torch::empty({3}, meta)); }), 2.0 * 2 * 5 * 8 * 3);
  EXPECT_EQ(count_flops([&] { torch::conv2d(torch::empty({2, 4, 8, 8}, meta), torch::empty({6, 4, 3, 3}, meta), {}, 1, 1); }), 2.0 * 2 * 6 * 64 * 36);
  const auto query = torch::empty({2, 3, 10, 4}, meta);
  EXPECT_EQ(count_flops([&] { torch::scaled_dot_product_attention(query, query, query); }), 2 * 2.0 * 2 * 3 * 10 * 10 * 4);
  EXPECT_EQ(count_flops([&] { torch::relu(query); }), 0.0);
}

TEST(CountParameters, FrozenOnesAreLeftOutOnRequest) {
  torch::nn::Linear linear(3, 2);
  linear->bias.requires_grad_(false);
  EXPECT_EQ(count_parameters(*linear), 8);
  EXPECT_EQ(count_parameters(*linear, true), 6);
}

}  // namespace
}  // namespace defound
