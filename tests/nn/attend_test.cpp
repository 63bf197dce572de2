#include "defound/nn/attend.h"

#include <gtest/gtest.h>

#include "../support/tensors.h"

namespace defound {
namespace {

using testing::relative_error;

torch::Tensor written_out(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  return torch::matmul(torch::softmax(torch::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1))), -1), v);
}

torch::Tensor draw(torch::IntArrayRef shape) {
  torch::Generator generator = at::detail::createCPUGenerator(7);
  return torch::randn(shape, generator, torch::kFloat64);
}

TEST(Attend, EveryTypeAgreesWithTheFormula) {
  const torch::Tensor q = draw({2, 3, 9, 8}), k = draw({2, 3, 13, 8}), v = draw({2, 3, 13, 8}) + 1.0;
  const torch::Tensor expected = written_out(q, k, v);
  EXPECT_LT(relative_error(attend(q, k, v), expected), 1e-14);
  for (const auto& [type, most] : {std::pair(torch::kFloat32, 1e-6), std::pair(torch::kBFloat16, 0.02)})
    EXPECT_LT(relative_error(attend(q.to(type), k.to(type), v.to(type)), expected), most);
}

TEST(Attend, PackedGradientsAgreeWithTheFormula) {
  const int64_t n = 2, length = 11, heads = 3, d = 8;
  const torch::Tensor qkv = draw({n, length, 3 * heads * d}), direction = draw({n, length, heads * d});
  const auto gradient = [&](const torch::Tensor& input, auto&& attention) {
    torch::Tensor leaf = input.detach().clone().requires_grad_();
    (attention(leaf) * direction.to(input.scalar_type())).sum().backward();
    return leaf.grad();
  };
  const torch::Tensor expected = gradient(qkv, [&](const torch::Tensor& x) {
    const auto parts = x.view({n, length, 3, heads, d}).permute({2, 0, 3, 1, 4}).unbind(0);
    return written_out(parts[0], parts[1], parts[2]).transpose(1, 2).reshape({n, length, heads * d});
  });
  const auto packed = [&](const torch::Tensor& x) { return attend_packed(x, heads); };
  EXPECT_LT(relative_error(gradient(qkv, packed), expected), 1e-13);
  EXPECT_LT(relative_error(gradient(qkv.to(torch::kFloat32), packed), expected), 1e-5);
  EXPECT_LT(relative_error(gradient(qkv.to(torch::kBFloat16), packed), expected), 0.03);
}

TEST(AttendHeads, SplitsTheWidthIntoHeads) {
  const torch::Tensor q = draw({2, 6, 8}), k = draw({2, 5, 8}), v = draw({2, 5, 8}) + 1.0;
  const torch::Tensor whole = attend_heads(q, k, v, 2);
  for (const int64_t head : {0, 1}) {
    const auto part = [head](const torch::Tensor& x) { return x.narrow(2, 4 * head, 4); };
    EXPECT_LT(relative_error(part(whole), written_out(part(q), part(k), part(v))), 1e-12);
  }
}

}  // namespace
}  // namespace defound
