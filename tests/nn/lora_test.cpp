#include "defound/nn/lora.h"

#include <gtest/gtest.h>

#include "defound/nn/layers.h"
#include "defound/tensor/load_weights.h"
#include "support/expect_error.h"

namespace defound {
namespace {

using testing::expect_error;

/// Two projections, the second with a bias, and a norm.
struct SmallBlock : torch::nn::Module {
  SmallBlock() {
    to_q = register_module("to_q", std::make_shared<Linear>(6, 5, false));
    auto list = register_module("to_out", std::make_shared<torch::nn::Module>());
    to_out = list->register_module("0", std::make_shared<Linear>(5, 4));
    norm = register_module("norm", std::make_shared<LayerNorm>(4));
    const torch::NoGradGuard no_grad;
    torch::manual_seed(1);
    for (torch::Tensor& parameter : parameters()) parameter.normal_();
  }
  torch::Tensor forward(const torch::Tensor& x) { return norm->forward(to_out->forward(to_q->forward(x))); }
  std::shared_ptr<Linear> to_q, to_out;
  std::shared_ptr<LayerNorm> norm;
};

std::vector<std::string> trained_names(const torch::nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& item : module.named_parameters())
    if (item.value().requires_grad()) names.push_back(item.key());
  return names;
}

TEST(Lora, StartsAsTheBaseBitForBitAndTrainsOnlyItself) {
  auto block = std::make_shared<SmallBlock>();
  const torch::Tensor x = torch::randn({3, 6}), before = block->forward(x).detach();
  TensorMap base = state_dict(*block);
  for (auto& [name, tensor] : base) tensor = tensor.clone();
  const LoraOptions options{.rank = 2, .alpha = 4, .targets = {"to_q", "to_out.0"}};
  EXPECT_EQ(add_lora(*block, options, Draws(1, "lora")), (std::vector<std::string>{"to_q", "to_out.0"}));
  EXPECT_TRUE(torch::equal(block->forward(x), before));
  EXPECT_EQ(trained_names(*block), (std::vector<std::string>{"to_q.lora_A.weight", "to_q.lora_B.weight",
                                                             "to_out.0.lora_A.weight", "to_out.0.lora_B.weight"}));
  const torch::Tensor a = block->to_q->lora_A->weight.detach().clone();
  torch::optim::SGD sgd(block->parameters(), 0.1);
  for (int step = 0; step < 2; ++step) {  // A moves from the second step on
    sgd.zero_grad();
    (block->forward(x) * torch::arange(4)).sum().backward();
    sgd.step();
  }
  EXPECT_FALSE(torch::allclose(block->forward(x), before));
  EXPECT_FALSE(torch::equal(block->to_q->lora_A->weight, a));
  const TensorMap trained = state_dict(*block);
  for (const auto& [name, tensor] : base) EXPECT_TRUE(torch::equal(trained.at(name), tensor)) << name;
}

TEST(Lora, ADependsOnDrawsAndLayerOnlyAndHasItsSpread) {
  const auto drawn = [](int64_t rank, uint64_t seed) {
    auto root = std::make_shared<torch::nn::Module>();
    auto layer = root->register_module("to_k", std::make_shared<Linear>(4000, 8));
    auto other = root->register_module("to_v", std::make_shared<Linear>(4000, 8));
    add_lora(*root, {.rank = rank, .alpha = 1, .targets = {"to_k", "to_v"}}, Draws(seed, "lora"));
    return std::pair{layer->lora_A->weight.detach(), other->lora_A->weight.detach()};
  };
  const auto [k, v] = drawn(4, 1);
  EXPECT_TRUE(torch::equal(k, drawn(4, 1).first));
  EXPECT_FALSE(torch::equal(k, drawn(4, 2).first));
  EXPECT_FALSE(torch::equal(k, v));
  EXPECT_NEAR(k.std().item<double>(), 0.25, 0.01);
  EXPECT_NEAR(drawn(16, 1).first.std().item<double>(), 1.0 / 16, 0.001);
}

TEST(Lora, UnknownTargetsAreNamed) {
  auto block = std::make_shared<SmallBlock>();
  expect_error(ExitCode::kUsage, "did you mean 'to_q'",
               [&] { add_lora(*block, {.targets = {"to_out.0", "to_p"}}, Draws(1, "lora")); });
  expect_error(ExitCode::kUsage, "lora_target 'norm' is no linear layer",
               [&] { add_lora(*block, {.targets = {"norm"}}, Draws(1, "lora")); });
  expect_error(ExitCode::kUsage, "'o_q'", [&] { add_lora(*block, {.targets = {"o_q"}}, Draws(1, "lora")); });  // half of a name
  EXPECT_EQ(trained_names(*block).size(), 5u);  // nothing was changed
  EXPECT_FALSE(block->to_out->lora_A);
}

TEST(Lora, FollowsTheTypeOfItsLayer) {
  auto block = std::make_shared<SmallBlock>();
  block->to(torch::kFloat64);
  add_lora(*block, {.targets = {"to_q"}}, Draws(1, "lora"));
  EXPECT_EQ(block->forward(torch::randn({2, 6}, torch::kFloat64)).scalar_type(), torch::kFloat64);
  block->to(torch::kBFloat16);
  EXPECT_EQ(block->forward(torch::randn({2, 6}).to(torch::kBFloat16)).scalar_type(), torch::kBFloat16);
}

}  // namespace
}  // namespace defound
