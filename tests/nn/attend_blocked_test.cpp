#include "defound/nn/attend_blocked.h"

#include <gtest/gtest.h>

#include "support/tensors.h"

namespace defound {
namespace {

using testing::relative_error;

torch::Tensor plain(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  return torch::matmul(torch::softmax(torch::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1))), -1), v);
}

TEST(AttendBlocked, IsTheWholeAttention) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const torch::Tensor q = torch::randn({3, 70, 8}, torch::kFloat64), k = torch::randn({3, 33, 8}, torch::kFloat64), v = torch::randn({3, 33, 8}, torch::kFloat64);
  for (const int64_t rows : {1, 16, 64, 512}) EXPECT_LT(relative_error(attend_blocked(q, k, v, rows), plain(q, k, v)), 1e-12) << rows;
}

TEST(AttendHeads, SplitsTheWidthIntoHeads) {
  torch::manual_seed(0);
  const torch::Tensor q = torch::randn({2, 6, 8}, torch::kFloat64), k = torch::randn({2, 5, 8}, torch::kFloat64), v = torch::randn({2, 5, 8}, torch::kFloat64);
  const torch::Tensor whole = attend_heads(q, k, v, 2);
  for (const int64_t head : {0, 1}) {
    const auto part = [head](const torch::Tensor& x) { return x.narrow(2, 4 * head, 4); };
    EXPECT_LT(relative_error(part(whole), plain(part(q), part(k), part(v))), 1e-12);
  }
}

TEST(AttendHeads, LongBf16SequencesAreAsGoodAsTheFusedKernel) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const torch::Tensor q = torch::randn({1, 700, 32}), k = torch::randn({1, 700, 32}), v = torch::randn({1, 700, 32});
  const torch::Tensor mixed = attend_heads(q.to(torch::kBFloat16), k.to(torch::kBFloat16), v.to(torch::kBFloat16), 1);
  EXPECT_LT(relative_error(mixed, plain(q, k, v)), 0.03);
}

TEST(AttendHeads, KeepsGradients) {
  torch::manual_seed(0);
  const torch::Tensor q = torch::randn({1, 600, 16}, torch::kBFloat16).requires_grad_();
  attend_heads(q, q, q, 2).sum().backward();
  EXPECT_TRUE(q.grad().defined() && torch::isfinite(q.grad()).all().item<bool>());
}

}  // namespace
}  // namespace defound
