#include "defound/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace defound {
namespace {

TEST(Philox, KnownAnswers) {  // Random123's kat_vectors, philox4x32 10 rounds
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(UINT64_MAX, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Draws, DependOnSeedPurposeAndIdOnly) {
  const auto first = [](const Draws& draws, uint64_t id) { return draws.stream(id).bits(); };
  EXPECT_EQ(first(Draws(1, "mask"), 7), first(Draws(1, "mask"), 7));
  std::set<uint32_t> values;
  for (const uint64_t seed : {0, 1}) for (const char* purpose : {"mask", "noise"}) for (const uint64_t id : {0, 1}) values.insert(first(Draws(seed, purpose), id));
  EXPECT_EQ(values.size(), 8u);
}

TEST(RandomStream, NormalHasUnitMoments) {
  RandomStream stream = Draws(3, "normal").stream(0);
  double sum = 0, squares = 0;
  const int n = 40000;
  for (int i = 0; i < n; ++i) {
    const double value = stream.normal();
    sum += value, squares += value * value;
  }
  EXPECT_NEAR(sum / n, 0.0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1.0, 4 * std::sqrt(2.0 / n));
}

TEST(Permutation, HoldsEachIndexOnceAndChangesWithTheEpoch) {
  auto order = permutation(100, Draws(5, "order"), 0);
  EXPECT_NE(order, permutation(100, Draws(5, "order"), 1));
  EXPECT_EQ(order, permutation(100, Draws(5, "order"), 0));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

}  // namespace
}  // namespace defound
