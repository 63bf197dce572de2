#include "defound/kernels/attend_bf16.h"

#include <gtest/gtest.h>

#include "defound/nn/attend.h"
#include "support/tensors.h"

// By attend(), so that a processor without the instructions is held to the same by what stands in for them.
namespace defound {
namespace {

using testing::relative_error;

struct Inputs {
  torch::Tensor q, k, v;
};

Inputs draw_heads(int64_t queries, int64_t keys, int64_t size, double scale = 1.0) {
  torch::manual_seed(queries * 1000 + keys);
  const auto draw = [&](int64_t length) { return torch::randn({2, 3, length, size}).to(torch::kBFloat16); };
  return {draw(queries) * scale, draw(keys), draw(keys)};
}

torch::Tensor exact(const Inputs& x) {
  const torch::Tensor q = x.q.to(torch::kFloat64), k = x.k.to(torch::kFloat64), v = x.v.to(torch::kFloat64);
  return torch::matmul(torch::softmax(torch::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1))), -1), v);
}

TEST(AttendBf16, AnyLengthAndSizeAgreesWithTheFormula) {
  const torch::NoGradGuard no_grad;
  for (const int64_t queries : {1, 31, 32, 70})
    for (const int64_t keys : {1, 2, 11, 12, 13, 96, 97, 203})
      for (const int64_t size : {2, 8, 10, 40, 64}) {
        const Inputs x = draw_heads(queries, keys, size);
        EXPECT_LT(relative_error(attend(x.q, x.k, x.v), exact(x)), 0.01) << queries << " queries, " << keys << " keys of " << size;
      }
}

TEST(AttendBf16, LargeScoresNeitherOverflowNorVanish) {
  const torch::NoGradGuard no_grad;
  for (const double scale : {30.0, 1000.0}) {  // one key takes all, found in any block of keys
    const Inputs x = draw_heads(40, 300, 16, scale);
    EXPECT_LT(relative_error(attend(x.q, x.k, x.v), exact(x)), 0.02) << scale;
  }
  Inputs low = draw_heads(3, 5, 8, 50.0);
  low.k = -low.q.narrow(2, 0, 1).expand({2, 3, 5, 8});  // every score of the first query is far below 0, and the number of keys odd
  EXPECT_LT(relative_error(attend(low.q, low.k, low.v), exact(low)), 0.01);
}

TEST(AttendBf16, ReadsHeadsWhereverTheyLie) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const torch::Tensor qkv = torch::randn({2, 50, 3 * 4 * 16}).to(torch::kBFloat16);
  const auto parts = qkv.view({2, 50, 3, 4, 16}).permute({2, 0, 3, 1, 4}).unbind(0);
  const torch::Tensor together = attend(parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous());
  EXPECT_TRUE(torch::equal(attend(parts[0], parts[1], parts[2]), together));
  const torch::Tensor across = parts[0].transpose(2, 3).contiguous().transpose(2, 3);  // elements of a head are not neighbours
  EXPECT_TRUE(torch::equal(attend(across, parts[1], parts[2]), together));
}

TEST(AttendBf16, NotANumberStaysOne) {
  const torch::NoGradGuard no_grad;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto spoil = [nan](torch::Tensor x) { return x = x.clone(), x.index_put_({0, 1, 7, 2}, nan); };
  const Inputs x = draw_heads(20, 110, 8);
  const auto count = [](const torch::Tensor& mixed) { return mixed.isnan().sum().item<int64_t>(); };
  EXPECT_EQ(count(attend(spoil(x.q), x.k, x.v)), 8);       // of its own row
  EXPECT_EQ(count(attend(x.q, spoil(x.k), x.v)), 20 * 8);  // of its own head
  EXPECT_EQ(count(attend(x.q, x.k, spoil(x.v))), 20);      // of its own column
}

TEST(AttendBf16, ServesOnlyWithoutGradients) {
  const Inputs x = draw_heads(4, 4, 8);
  torch::Tensor leaf = x.q.clone().requires_grad_();
  EXPECT_FALSE(attends_in_bf16(leaf, x.k, x.v));
  EXPECT_FALSE(attends_in_bf16(x.q.to(torch::kFloat32), x.k, x.v));
  attend(leaf, x.k, x.v).sum().backward();
  EXPECT_TRUE(leaf.grad().defined() && torch::isfinite(leaf.grad()).all().item<bool>());
}

}  // namespace
}  // namespace defound
