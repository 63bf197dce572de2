#include "defound/nn/checkpointed.h"

#include <gtest/gtest.h>

#include "defound/nn/drop_path.h"
#include "defound/nn/layers.h"

namespace defound {
namespace {

/// A layer with stateless dropping; counts its calls.
struct CountedLayer : torch::nn::Module {
  CountedLayer() {
    fc = register_module("fc", std::make_shared<Linear>(5, 5));
    const torch::NoGradGuard no_grad;
    torch::manual_seed(3);
    for (torch::Tensor& parameter : parameters()) parameter.normal_();
  }
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& time) {
    ++calls;
    const std::vector<uint64_t> ids = {7, 8, 9, 10};
    return x + drop_path(torch::gelu(fc->forward(x + time)), 0.5, {Draws(1, "layer"), ids}, "0");
  }
  torch::Tensor again(const torch::Tensor& x, const torch::Tensor& time) {
    return checkpointed(*this, [this](const std::vector<torch::Tensor>& inputs) { return forward(inputs[0], inputs[1]); },
                        {x, time});
  }
  std::shared_ptr<Linear> fc;
  int calls = 0;
};

torch::Tensor leaf(int64_t rows) { return torch::randn({rows, 5}).requires_grad_(); }

TEST(Checkpointed, GradientsAreThoseOfAPlainCallBitForBit) {
  CountedLayer plain, recomputed;
  const torch::Tensor x = leaf(4), time = leaf(1), x2 = x.detach().clone().requires_grad_(),
                      time2 = time.detach().clone().requires_grad_();
  for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {  // gradients add up
    const torch::Tensor expected = plain.forward(torch::sin(x), time), found = recomputed.again(torch::sin(x2), time2);
    EXPECT_TRUE(torch::equal(found, expected));
    expected.square().sum().backward();
    found.square().sum().backward();
  }
  EXPECT_TRUE(torch::equal(x2.grad(), x.grad()));
  EXPECT_TRUE(torch::equal(time2.grad(), time.grad()));
  EXPECT_TRUE(torch::equal(recomputed.fc->weight.grad(), plain.fc->weight.grad()));
  EXPECT_TRUE(torch::equal(recomputed.fc->bias.grad(), plain.fc->bias.grad()));
  EXPECT_EQ(plain.calls, 2);
  EXPECT_EQ(recomputed.calls, 4);
}

TEST(Checkpointed, ParametersLearnThoughNoInputNeedsAGradient) {
  CountedLayer plain, recomputed;
  const torch::Tensor x = torch::randn({4, 5}), time = torch::randn({1, 5});
  plain.forward(x, time).sum().backward();
  recomputed.again(x, time).sum().backward();
  EXPECT_TRUE(torch::equal(recomputed.fc->weight.grad(), plain.fc->weight.grad()));
}

TEST(Checkpointed, FrozenParametersGetNone) {
  CountedLayer layer;
  layer.fc->weight.set_requires_grad(false);
  layer.again(leaf(4), torch::zeros({1, 5})).sum().backward();
  EXPECT_FALSE(layer.fc->weight.grad().defined());
  EXPECT_TRUE(layer.fc->bias.grad().defined());
}

TEST(Checkpointed, IsAPlainCallWithoutGradients) {
  CountedLayer layer;
  {
    const torch::NoGradGuard no_grad;
    EXPECT_FALSE(layer.again(leaf(4), leaf(1)).requires_grad());
  }
  for (torch::Tensor& parameter : layer.parameters()) parameter.set_requires_grad(false);
  EXPECT_FALSE(layer.again(torch::zeros({4, 5}), torch::zeros({1, 5})).requires_grad());
  EXPECT_EQ(layer.calls, 2);
}

}  // namespace
}  // namespace defound
