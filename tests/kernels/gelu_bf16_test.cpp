#include "defound/kernels/gelu_bf16.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

constexpr double kRounding = 1.0 / 256;  // of bf16, half a unit in the last place

/// Every finite bf16 up to 30 in magnitude.
torch::Tensor every_value() {
  const torch::Tensor all = torch::arange(0, 65536).to(torch::kInt16).view(torch::kBFloat16);
  return all.masked_select(all.to(torch::kFloat32).abs() <= 30);
}

TEST(GeluBf16, EveryValueIsRoundedFromTheFormula) {
  const torch::Tensor x = every_value(), expected = torch::gelu(x.to(torch::kFloat64)), found = defound::gelu(x).to(torch::kFloat64);
  EXPECT_TRUE(((found - expected).abs() <= expected.abs() * kRounding + 2e-7).all().item<bool>());
}

TEST(GeluBf16, EveryGradientIsRoundedFromTheFormula) {
  const torch::Tensor x = every_value().requires_grad_(), exact = x.detach().to(torch::kFloat64).requires_grad_();
  defound::gelu(x).backward(torch::full_like(x, 3));
  torch::gelu(exact).backward(torch::full_like(exact, 3));
  EXPECT_TRUE(((x.grad().to(torch::kFloat64) - exact.grad()).abs() <= exact.grad().abs() * kRounding + 1e-6).all().item<bool>());
}

TEST(GeluBf16, ReadsRowsWhereverTheyLieAndKeepsNotANumber) {
  torch::manual_seed(0);
  torch::Tensor x = torch::randn({37, 19}).to(torch::kBFloat16).t();
  EXPECT_TRUE(torch::equal(defound::gelu(x), defound::gelu(x.contiguous())));
  x[3][5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(defound::gelu(x).isnan().sum().item<int64_t>(), 1);
  EXPECT_TRUE(torch::equal(defound::gelu(x.to(torch::kFloat32).nan_to_num()), torch::gelu(x.to(torch::kFloat32).nan_to_num())));
}

}  // namespace
}  // namespace defound
