#include "defound/kernels/attend_bf16.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "defound/nn/attend.h"
#include "support/tensors.h"

// By attend(): what stands in on a processor without the instructions rounds scores to bf16 too, and is held to less.
namespace defound {
namespace {

using testing::relative_error;

bool has_instructions() {
  const torch::Tensor x = torch::zeros({1, 1, 2, 2}, torch::kBFloat16);
  return attends_in_bf16(x, x, x);
}
double tolerance(double of_kernel) { return has_instructions() ? of_kernel : 0.06; }
bool same(const torch::Tensor& a, const torch::Tensor& b) { return has_instructions() ? torch::equal(a, b) : relative_error(a, b) < 0.06; }

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
        EXPECT_LT(relative_error(attend(x.q, x.k, x.v), exact(x)), tolerance(0.01)) << queries << " queries, " << keys << " keys of " << size;
      }
}

TEST(AttendBf16, LargeScoresNeitherOverflowNorVanish) {
  const torch::NoGradGuard no_grad;
  for (const double scale : {30.0, 1000.0}) {  // one key takes all, found in any block of keys
    const Inputs x = draw_heads(40, 300, 16, scale);
    const torch::Tensor mixed = attend(x.q, x.k, x.v);
    EXPECT_TRUE(mixed.isfinite().all().item<bool>());
    if (!has_instructions()) continue;
    EXPECT_LT(relative_error(mixed, exact(x)), 0.02) << scale;
  }
  Inputs low = draw_heads(3, 5, 8, 50.0);
  low.k = -low.q.narrow(2, 0, 1).expand({2, 3, 5, 8});  // every score of the first query is far below 0, and the number of keys odd
  EXPECT_LT(relative_error(attend(low.q, low.k, low.v), exact(low)), tolerance(0.01));
}

TEST(AttendBf16, ReadsHeadsWhereverTheyLie) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const torch::Tensor qkv = torch::randn({2, 50, 3 * 4 * 16}).to(torch::kBFloat16);
  const auto parts = qkv.view({2, 50, 3, 4, 16}).permute({2, 0, 3, 1, 4}).unbind(0);
  const torch::Tensor together = attend(parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous());
  EXPECT_TRUE(same(attend(parts[0], parts[1], parts[2]), together));
  const torch::Tensor across = parts[0].transpose(2, 3).contiguous().transpose(2, 3);  // elements of a head are not neighbours
  EXPECT_TRUE(same(attend(across, parts[1], parts[2]), together));
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

struct Gradients {
  torch::Tensor q, k, v;
};

/// Of the sum of what is mixed times `direction`.
template <class Attention>
Gradients gradients_of(const Inputs& x, torch::Dtype type, const torch::Tensor& direction, const Attention& attention) {
  const auto leaf = [type](const torch::Tensor& tensor) { return tensor.detach().to(type, false, /*copy=*/true).requires_grad_(); };
  const Inputs in{leaf(x.q), leaf(x.k), leaf(x.v)};
  (attention(in) * direction.to(type)).sum().backward();
  return {in.q.grad(), in.k.grad(), in.v.grad()};
}

TEST(AttendBf16, GradientsOfAnyLengthAndSizeAgreeWithTheFormula) {
  for (const int64_t queries : {1, 32, 70})
    for (const int64_t keys : {1, 2, 13, 97, 203})
      for (const int64_t size : {2, 10, 16, 40, 64}) {
        const Inputs x = draw_heads(queries, keys, size);
        const torch::Tensor direction = torch::randn({2, 3, queries, size}).to(torch::kBFloat16);
        const Gradients expected = gradients_of(x, torch::kFloat64, direction, exact);
        const Gradients found = gradients_of(x, torch::kBFloat16, direction, [](const Inputs& in) { return attend(in.q, in.k, in.v); });
        const std::string what = fmt::format("{} queries, {} keys of {}", queries, keys, size);
        EXPECT_LT(relative_error(found.v, expected.v), tolerance(0.01)) << what;
        if (keys == 1) continue;  // the others are 0 then
        EXPECT_LT(relative_error(found.q, expected.q), tolerance(0.02)) << what;
        EXPECT_LT(relative_error(found.k, expected.k), tolerance(0.02)) << what;
      }
}

TEST(AttendBf16, PackedGradientsAreThoseOfItsParts) {
  torch::manual_seed(0);
  const torch::Tensor qkv = torch::randn({2, 37, 3 * 4 * 16}).to(torch::kBFloat16), direction = torch::randn({2, 37, 64}).to(torch::kBFloat16);
  torch::Tensor packed = qkv.clone().requires_grad_(), apart = qkv.clone().requires_grad_();
  (attend_packed(packed, 4) * direction).sum().backward();
  const auto parts = apart.chunk(3, 2);
  (attend_heads(parts[0], parts[1], parts[2], 4) * direction).sum().backward();
  EXPECT_TRUE(same(packed.grad(), apart.grad()));
}

TEST(AttendBf16, AnyNumberOfThreadsGivesTheSameBits) {
  const Inputs x = draw_heads(70, 97, 16);
  const torch::Tensor direction = torch::ones({2, 3, 70, 16});
  const auto both = [&] { return gradients_of(x, torch::kBFloat16, direction, [](const Inputs& in) { return attend(in.q, in.k, in.v); }); };
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const Gradients one = both();
  torch::set_num_threads(3);
  const Gradients three = both();
  torch::set_num_threads(threads);
  EXPECT_TRUE(same(one.q, three.q) && same(one.k, three.k) && same(one.v, three.v));
}

TEST(AttendBf16, ServesOnlyEvenHeadsInBf16) {
  const Inputs x = draw_heads(4, 4, 8), odd = draw_heads(4, 4, 7);
  EXPECT_FALSE(attends_in_bf16(x.q.to(torch::kFloat32), x.k, x.v));
  EXPECT_FALSE(attends_in_bf16(odd.q, odd.k, odd.v));
  EXPECT_LT(relative_error(attend(odd.q, odd.k, odd.v), exact(odd)), 0.06);
}

}  // namespace
}  // namespace defound
