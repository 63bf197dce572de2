#include "defound/nn/packed_weight.h"

#include <gtest/gtest.h>

#include "defound/nn/initialize.h"
#include "defound/nn/layers.h"

namespace defound {
namespace {

#if defined(__x86_64__)
constexpr bool kPacks = true;
#else
constexpr bool kPacks = false;
#endif

struct Layers : torch::nn::Module {
  Layers() {
    linear = register_module("linear", std::make_shared<Linear>(48, 80));
    plain = register_module("plain", std::make_shared<Linear>(80, 16, false));
    conv = register_module("conv", std::make_shared<Conv2d>(32, 64, 3, 2, 1));
    point = register_module("point", std::make_shared<Conv2d>(64, 32, 1));
    torch::manual_seed(5);
    const torch::NoGradGuard no_grad;
    for (auto& parameter : parameters()) parameter.normal_(0, 0.1);
  }
  std::vector<torch::Tensor> all(const torch::Tensor& tokens, const torch::Tensor& pixels) {
    const torch::Tensor hidden = conv->forward(pixels);
    return {plain->forward(linear->forward(tokens)), hidden, point->forward(hidden), point->of_tokens(hidden.flatten(2).transpose(1, 2).contiguous())};
  }
  std::shared_ptr<Linear> linear, plain;
  std::shared_ptr<Conv2d> conv, point;
};

TEST(PackedWeight, ComputesTheSame) {
  for (const auto& [type, tolerance] : {std::pair{torch::kFloat32, 1e-5}, {torch::kBFloat16, 0.02}, {torch::kFloat64, 1e-12}}) {
    Layers plain, packed;
    plain.to(type), packed.to(type);
    pack_weights(packed);
    const torch::NoGradGuard no_grad;
    for (const int64_t n : {3, 1, 7})  // the layout was chosen for the first
      for (const auto layout : {torch::MemoryFormat::ChannelsLast, torch::MemoryFormat::Contiguous}) {
        const torch::Tensor tokens = torch::randn({n, 5, 48}, type), pixels = torch::randn({n, 32, 9, 6}, type).contiguous(layout);
        const auto found = packed.all(tokens, pixels), expected = plain.all(tokens, pixels);
        for (size_t i = 0; i < expected.size(); ++i) {
          EXPECT_TRUE(torch::allclose(found[i], expected[i], tolerance, tolerance)) << c10::toString(type) << " " << i << " of " << n;
          EXPECT_EQ(found[i].sizes(), expected[i].sizes());
        }
      }
    const bool served = packed.linear->packed.serves(torch::zeros({1, 48}, type), packed.linear->weight);
    EXPECT_TRUE(type == torch::kBFloat16 || served == (type == torch::kFloat32 && kPacks));   // bf16: not every CPU
    EXPECT_EQ(packed.linear->packed.is_of(packed.linear->weight), served);
  }
}

TEST(PackedWeight, ConvolvesAFewPixelsAsAProduct) {
  for (const auto& [type, tolerance] : {std::pair{torch::kFloat32, 1e-5}, {torch::kBFloat16, 0.02}})
    for (const int64_t stride : {1, 2})
      for (const int64_t padding : {0, 1, 2}) {
        Conv2d plain(12, 20, 3, stride, padding), packed(12, 20, 3, stride, padding);
        const torch::NoGradGuard no_grad;
        for (auto* layer : {&plain, &packed}) {
          torch::manual_seed(5);
          layer->weight.normal_(0, 0.1), layer->bias.normal_();
          layer->to(type);
        }
        packed.packed.keep();
        for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {2, 2}, {1, 2}, {2, 1}, {4, 4}, {3, 2}, {9, 8}, {1, 1}}) {  // layouts change with the size
          if (height + 2 * padding < 3 || width + 2 * padding < 3) continue;
          const torch::Tensor pixels = torch::randn({3, 12, height, width}, type);
          const torch::Tensor found = packed.forward(pixels), expected = plain.forward(pixels);
          EXPECT_EQ(found.sizes(), expected.sizes());
          EXPECT_TRUE(torch::allclose(found, expected, tolerance, tolerance)) << height << " x " << width << " stride " << stride << " padding " << padding;
        }
      }
}

TEST(PackedWeight, IsPackedAgainWhenTheWeightChanges) {
  Layers layers;
  pack_weights(layers);
  const torch::NoGradGuard no_grad;
  const torch::Tensor tokens = torch::randn({2, 48}), pixels = torch::randn({1, 32, 9, 6});
  const auto expect_the_plain = [&] {
    EXPECT_TRUE(torch::allclose(layers.linear->forward(tokens), torch::linear(tokens, layers.linear->weight, layers.linear->bias), 1e-5, 1e-5));
    EXPECT_TRUE(torch::allclose(layers.conv->forward(pixels), torch::conv2d(pixels, layers.conv->weight, layers.conv->bias, 2, 1), 1e-5, 1e-5));
  };
  expect_the_plain();
  layers.linear->weight.mul_(2), layers.conv->weight.mul_(2);
  expect_the_plain();
  layers.linear->weight.set_data(torch::randn({80, 48})), layers.conv->weight.set_data(torch::randn({64, 32, 3, 3}));
  expect_the_plain();
}

TEST(PackedWeight, IsPackedAgainForAnotherType) {
  Layers layers, plain;
  pack_weights(layers);
  const torch::NoGradGuard no_grad;
  const torch::Tensor tokens = torch::randn({2, 48});
  layers.linear->forward(tokens);
  layers.to(torch::kBFloat16);
  EXPECT_TRUE(torch::allclose(layers.linear->forward(tokens.to(torch::kBFloat16)).to(torch::kFloat32), plain.linear->forward(tokens), 0.05, 0.05));
  layers.to(torch::kFloat64);
  EXPECT_EQ(layers.linear->forward(tokens.to(torch::kFloat64)).scalar_type(), torch::kFloat64);
}

TEST(PackedWeight, ServesNoCallThatGradientsFlowThrough) {
  Layers layers;
  pack_weights(layers);
  const torch::Tensor tokens = torch::randn({2, 48});
  EXPECT_FALSE(layers.linear->packed.serves(tokens, layers.linear->weight));  // the weight wants one
  layers.linear->forward(tokens).sum().backward();
  EXPECT_TRUE(layers.linear->weight.grad().defined());
  for (auto& parameter : layers.parameters()) parameter.set_requires_grad(false);
  EXPECT_FALSE(layers.linear->packed.serves(tokens.clone().set_requires_grad(true), layers.linear->weight));
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(layers.linear->packed.serves(tokens.to(torch::kMeta), layers.linear->weight));
}

}  // namespace
}  // namespace defound
