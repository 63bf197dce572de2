#include "defound/train/ema.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

TEST(Ema, FollowsDiffusers) {  // scripts/goldens/ema.py
  const TensorMap golden = load_safetensors(std::string(DEFOUND_GOLDENS) + "/ema.safetensors").tensors;
  Ema ema(0.6, {"w"}, {golden.at("values")[0]});
  for (int64_t step = 1; step <= 10; ++step) {
    ema.update({golden.at("values")[step]}, step);
    EXPECT_TRUE(torch::allclose(ema.values()[0], golden.at("averages")[step - 1], 1e-5, 1e-6)) << step;
  }
}

TEST(Ema, DecayWarmsUp) {
  EXPECT_EQ(Ema::decay_at(1, 0.9999), 0.0);
  EXPECT_DOUBLE_EQ(Ema::decay_at(2, 0.9999), 2.0 / 11);
  EXPECT_DOUBLE_EQ(Ema::decay_at(91, 0.9999), 0.91);
  EXPECT_DOUBLE_EQ(Ema::decay_at(1000000, 0.9999), 0.9999);
}

TEST(Ema, StateRoundTrip) {
  Ema ema(0.5, {"a", "b"}, {torch::ones({2}), torch::zeros({3})});
  ema.update({torch::full({2}, 3.0F), torch::ones({3})}, 100);
  TensorMap state;
  ema.save(state);
  Ema other(0.5, {"a", "b"}, {torch::ones({2}), torch::zeros({3})});
  other.load(state);
  EXPECT_TRUE(torch::equal(other.values()[0], torch::full({2}, 2.0F)));
  EXPECT_TRUE(torch::equal(other.values()[1], torch::full({3}, 0.5F)));
}

}  // namespace
}  // namespace defound
