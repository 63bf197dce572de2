#include "defound/diffusion/condition_mixing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "support/tensors.h"

namespace defound {
namespace {

TEST(RandomStream, BetaHasScipysQuantiles) {
  const TensorMap golden = testing::golden("beta.safetensors");
  const torch::Tensor shapes = golden.at("shapes"), shares = golden.at("shares");
  constexpr int64_t kDraws = 20000;
  for (int64_t s = 0; s < shapes.size(0); ++s) {
    const double a = shapes[s][0].item<double>(), b = shapes[s][1].item<double>();
    std::vector<double> drawn;
    for (int64_t i = 0; i < kDraws; ++i) drawn.push_back(Draws(5, "beta").stream(static_cast<uint64_t>(i)).beta(a, b));
    for (int64_t q = 0; q < shares.numel(); ++q) {
      const double share = shares[q].item<double>(), quantile = golden.at("quantiles")[s][q].item<double>();
      const auto below = std::count_if(drawn.begin(), drawn.end(), [&](double value) { return value <= quantile; });
      EXPECT_NEAR(static_cast<double>(below) / kDraws, share, 4 * std::sqrt(share * (1 - share) / kDraws))
          << "Beta(" << a << ", " << b << ") at " << share;
    }
  }
}

TEST(RandomStream, BetaStaysANumberForTinyShapes) {
  RandomStream stream = Draws(5, "tiny").stream(0);
  int64_t ends = 0;
  for (int i = 0; i < 1000; ++i) {
    const double value = stream.beta(1e-4, 1e-4);
    ASSERT_TRUE(value >= 0 && value <= 1);
    ends += value < 1e-6 || value > 1 - 1e-6;
  }
  EXPECT_GT(ends, 990);
}

TEST(CoOccurringLabels, AreSplitAtBars) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(co_occurring_labels("glaucoma"), Texts{"glaucoma"});
  EXPECT_EQ(co_occurring_labels("glaucoma|macular hole|dr"), (Texts{"glaucoma", "macular hole", "dr"}));
  EXPECT_EQ(co_occurring_labels("|a||b|"), (Texts{"a", "b"}));
  EXPECT_TRUE(co_occurring_labels("").empty());
}

TEST(ComposeLabels, TakesEveryOrderAndDropsEachLabelByItself) {
  std::set<std::string> orders;
  int64_t dropped = 0, empty = 0;
  constexpr int64_t kDraws = 4000;
  for (int64_t i = 0; i < kDraws; ++i) {
    RandomStream stream = Draws(2, "order").stream(static_cast<uint64_t>(i));
    orders.insert(compose_labels({"a", "b", "c"}, 0, stream));
    RandomStream dropping = Draws(2, "drop").stream(static_cast<uint64_t>(i));
    const std::string text = compose_labels({"a", "b"}, 0.3, dropping);
    dropped += text.find('a') == std::string::npos;
    empty += text.empty();
  }
  EXPECT_EQ(orders, (std::set<std::string>{"a, b, c", "a, c, b", "b, a, c", "b, c, a", "c, a, b", "c, b, a"}));
  EXPECT_NEAR(static_cast<double>(dropped) / kDraws, 0.3, 4 * std::sqrt(0.3 * 0.7 / kDraws));
  EXPECT_NEAR(static_cast<double>(empty) / kDraws, 0.09, 4 * std::sqrt(0.09 * 0.91 / kDraws));
  RandomStream stream = Draws(2, "none").stream(0);
  EXPECT_EQ(compose_labels({"a", "b"}, 1, stream), "");
}

TEST(MixingWeights, DependOnTheIdOnlyAndFavorTheOwnCondition) {
  std::vector<uint64_t> ids(3000);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = 11 * i;
  const torch::Tensor weights = mixing_weights(Draws(4, "mix"), ids, 0.5);
  EXPECT_EQ(weights.sizes(), torch::IntArrayRef{3000});
  EXPECT_GE(weights.min().item<double>(), 0.5);
  EXPECT_LE(weights.max().item<double>(), 1.0);
  EXPECT_NEAR(weights.mean().item<double>(), 0.5 + 1 / M_PI, 0.015);  // E max(w, 1 - w) under the arcsine law
  for (const size_t i : {0, 7, 2999})
    EXPECT_TRUE(torch::equal(mixing_weights(Draws(4, "mix"), {&ids[i], 1}, 0.5)[0], weights[static_cast<int64_t>(i)]));
  EXPECT_FALSE(torch::equal(mixing_weights(Draws(5, "mix"), ids, 0.5), weights));
}

TEST(MixConditions, IsConvexRowByRow) {
  const torch::Tensor own = torch::ones({3, 2, 4}), other = 5 * torch::ones({3, 2, 4});
  const torch::Tensor mixed = mix_conditions(own, other, torch::tensor({1.0F, 0.75F, 0.5F}));
  EXPECT_TRUE(torch::equal(mixed, torch::tensor({1.0F, 2.0F, 3.0F}).view({3, 1, 1}).expand({3, 2, 4})));
  EXPECT_EQ(mix_conditions(own.to(torch::kBFloat16), other.to(torch::kBFloat16), torch::ones({3})).scalar_type(),
            torch::kBFloat16);
}

}  // namespace
}  // namespace defound
