#include "defound/kernels/linear_bf16.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "defound/nn/layers.h"
#include "support/tensors.h"

// By linear(): LibTorch's own product stands in on a processor without the instructions, and is held to the same.
namespace defound {
namespace {

using testing::relative_error;

torch::Tensor draw(torch::IntArrayRef sizes) { return torch::randn(sizes).to(torch::kBFloat16); }

struct Layer {
  torch::Tensor x, weight, bias, direction;
};

Layer draw_layer(int64_t rows, int64_t in, int64_t out) {
  torch::manual_seed(rows * 1000 + in);
  return {draw({rows, in}), draw({out, in}), draw({out}), draw({rows, out})};
}

/// The output, and the gradients of its product with `direction`.
struct Results {
  torch::Tensor y, x, weight, bias;
};

template <class Function>
Results run(const Layer& layer, torch::Dtype type, const Function& function) {
  const auto leaf = [type](const torch::Tensor& tensor) { return tensor.detach().to(type, false, /*copy=*/true).requires_grad_(); };
  const torch::Tensor x = leaf(layer.x), weight = leaf(layer.weight), bias = leaf(layer.bias), y = function(x, weight, bias);
  y.backward(layer.direction.to(type));
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) { return linear(x, weight, bias); }

TEST(LinearBf16, AnySizeAgreesWithTheFormulaAndItsGradients) {
  for (const int64_t rows : {64, 65, 75, 200})
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{2, 2}, {34, 30}, {32, 64}, {192, 576}, {1030, 70}, {70, 2500}}) {
      const Layer layer = draw_layer(rows, in, out);
      ASSERT_TRUE(!multiplies_in_bf16(torch::zeros({64, 64}, torch::kBFloat16), torch::zeros({64, 64}, torch::kBFloat16)) || multiplies_in_bf16(layer.x, layer.weight));
      const Results expected = run(layer, torch::kFloat64, product), found = run(layer, torch::kBFloat16, product);
      const std::string what = fmt::format("{} rows, {} to {}", rows, in, out);
      EXPECT_LT(relative_error(found.y, expected.y), 0.005) << what;
      EXPECT_LT(relative_error(found.x, expected.x), 0.005) << what;
      EXPECT_LT(relative_error(found.weight, expected.weight), 0.005) << what;
      EXPECT_LT(relative_error(found.bias, expected.bias), 0.005) << what;
    }
}

TEST(LinearBf16, SumsOfManyRowsAreMadeInParts) {
  const Layer layer = draw_layer(3001, 40, 36);
  const Results expected = run(layer, torch::kFloat64, product), found = run(layer, torch::kBFloat16, product);
  EXPECT_LT(relative_error(found.weight, expected.weight), 0.005);
  EXPECT_LT(relative_error(found.bias, expected.bias), 0.005);
}

TEST(LinearBf16, WholeNumbersAreExact) {
  // Sums up to 256 stand in bf16 as they are: a row or column in the wrong place cannot hide behind a tolerance.
  torch::manual_seed(0);
  const auto whole = [](torch::IntArrayRef sizes) { return (torch::rand(sizes) < 0.02).to(torch::kBFloat16) * torch::randint(-2, 3, sizes).to(torch::kBFloat16); };
  for (const int64_t rows : {77, 2100}) {
    const Layer layer{whole({rows, 1100}), whole({102, 1100}), whole({102}), whole({rows, 102})};
    const Results expected = run(layer, torch::kFloat64, product), found = run(layer, torch::kBFloat16, product);
    ASSERT_LE(expected.weight.abs().max().item<double>(), 256);
    EXPECT_TRUE(torch::equal(found.y.to(torch::kFloat64), expected.y));
    EXPECT_TRUE(torch::equal(found.x.to(torch::kFloat64), expected.x));
    EXPECT_TRUE(torch::equal(found.weight.to(torch::kFloat64), expected.weight));
    EXPECT_TRUE(torch::equal(found.bias.to(torch::kFloat64), expected.bias));
  }
}

TEST(LinearBf16, AnyShapeAndLayoutOfTheInput) {
  torch::manual_seed(0);
  const torch::Tensor x = draw({3, 40, 5, 48}).transpose(1, 2), weight = draw({48, 64}).t(), bias = draw({64});
  const torch::Tensor y = linear(x, weight, bias);
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{3, 5, 40, 64}));
  EXPECT_TRUE(torch::equal(y, linear(x.contiguous(), weight.contiguous(), bias)));
  EXPECT_LT(relative_error(linear(x, weight, torch::Tensor()), torch::matmul(x.to(torch::kFloat64), weight.t().to(torch::kFloat64))), 0.005);
}

TEST(LinearBf16, FrozenInputsGetNoGradient) {
  const Layer layer = draw_layer(100, 64, 32);
  const Results all = run(layer, torch::kBFloat16, product);
  const auto gradients = [&](bool of_x, bool of_weight, bool of_bias) {
    const auto leaf = [](const torch::Tensor& tensor, bool wanted) { return tensor.clone().requires_grad_(wanted); };
    const torch::Tensor x = leaf(layer.x, of_x), weight = leaf(layer.weight, of_weight), bias = leaf(layer.bias, of_bias);
    linear(x, weight, bias).backward(layer.direction);
    return std::vector<torch::Tensor>{x.grad(), weight.grad(), bias.grad()};
  };
  const auto only_x = gradients(true, false, false), only_bias = gradients(false, false, true), only_weight = gradients(false, true, false);
  EXPECT_TRUE(torch::equal(only_x[0], all.x) && !only_x[1].defined() && !only_x[2].defined());
  EXPECT_TRUE(torch::equal(only_weight[1], all.weight) && !only_weight[0].defined() && !only_weight[2].defined());
  EXPECT_LT(relative_error(only_bias[2], all.bias), 0.01);
}

TEST(LinearBf16, NotANumberStaysOne) {
  Layer layer = draw_layer(80, 64, 40);
  layer.x[7][3] = std::numeric_limits<float>::quiet_NaN();
  const Results found = run(layer, torch::kBFloat16, product);
  EXPECT_EQ(found.y.isnan().sum().item<int64_t>(), 40);       // of its own row
  EXPECT_EQ(found.weight.isnan().sum().item<int64_t>(), 40);  // of its own column
}

TEST(LinearBf16, NeitherThreadsNorOtherRowsChangeBits) {
  const Layer layer = draw_layer(300, 1500, 130);
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const Results one = run(layer, torch::kBFloat16, product);
  torch::set_num_threads(3);
  const Results three = run(layer, torch::kBFloat16, product);
  torch::set_num_threads(16);  // more than there are panels of columns
  const Results many = run(layer, torch::kBFloat16, product);
  torch::set_num_threads(threads);
  const bool own = multiplies_in_bf16(layer.x, layer.weight);  // LibTorch's product promises no such thing
  const auto same = [own](const torch::Tensor& a, const torch::Tensor& b) { return own ? torch::equal(a, b) : relative_error(a, b) < 0.005; };
  for (const Results* other : {&three, &many})
    EXPECT_TRUE(same(one.y, other->y) && same(one.x, other->x) && same(one.weight, other->weight) && same(one.bias, other->bias));
  EXPECT_TRUE(same(linear(layer.x.narrow(0, 100, 90), layer.weight, layer.bias), one.y.narrow(0, 100, 90)));
}

TEST(LinearBf16, ServesOnlyManyRowsOfEvenSizeInBf16) {
  const auto serves = [](int64_t rows, int64_t in, int64_t out, torch::Dtype type) { return multiplies_in_bf16(torch::zeros({rows, in}, type), torch::zeros({out, in}, type)); };
  EXPECT_FALSE(serves(64, 32, 32, torch::kFloat32) || serves(64, 33, 32, torch::kBFloat16) || serves(64, 32, 7, torch::kBFloat16) || serves(8, 32, 32, torch::kBFloat16));
  const Layer few = draw_layer(5, 33, 7);
  EXPECT_LT(relative_error(linear(few.x, few.weight, few.bias), run(few, torch::kFloat64, product).y), 0.005);
  EXPECT_ANY_THROW(linear(draw({64, 32}), draw({16, 30}), torch::Tensor()));
}

}  // namespace
}  // namespace defound
