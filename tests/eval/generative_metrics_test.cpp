#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "defound/eval/generative/fidelity.h"
#include "defound/eval/generative/frechet_distance.h"
#include "defound/eval/generative/manifolds.h"
#include "defound/tensor/random_tensor.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::golden;

const TensorMap& generative_goldens() {
  static const TensorMap file = golden("generative.safetensors");
  return file;
}
double expected_value(const std::string& key) { return generative_goldens().at(key).item<double>(); }
torch::Tensor real_features(const std::string& name) { return generative_goldens().at(name + ".real"); }
torch::Tensor made_features(const std::string& name) { return generative_goldens().at(name + ".synthetic"); }

torch::Tensor normal_rows(uint64_t seed, int64_t rows, int64_t width) {
  std::vector<uint64_t> ids;
  for (int64_t i = 0; i < rows; ++i) ids.push_back(static_cast<uint64_t>(i));
  return random_normal(Draws(seed, "features"), ids, {width});
}

FeatureSet set_of(const torch::Tensor& features) {
  return {features, std::vector<std::string>(static_cast<size_t>(features.size(0)))};
}

TEST(FrechetDistance, IsTorchFidelitys) {
  for (const std::string name : {"near", "far", "wide"}) {
    const double expected = expected_value(name + ".frechet_distance");
    EXPECT_NEAR(frechet_distance(real_features(name), made_features(name)), expected, 1e-6 * std::max(1.0, expected)) << name;
    EXPECT_NEAR(frechet_distance(made_features(name), real_features(name)), expected, 1e-6 * std::max(1.0, expected)) << name;
  }
}

TEST(FrechetDistance, OfThreePointsByHand) {
  const torch::Tensor first = torch::tensor({{1.0, 2.0}, {1.0, 2.0}, {1.0, 2.0}}),
                      second = torch::tensor({{2.0, 2.0}, {1.0, 2.0}, {1.0, 2.0}});
  EXPECT_NEAR(frechet_distance(first, second), 4.0 / 9, 1e-12);
  EXPECT_NEAR(frechet_distance(second, second), 0, 1e-12);
  EXPECT_TRUE(std::isnan(frechet_distance(first.slice(0, 0, 1), second)));
}

TEST(FrechetDistance, ARowThatCountsTwiceIsTwoRows) {
  const torch::Tensor real = real_features("near"), made = made_features("near");
  std::vector<int64_t> counts(60, 1);
  counts[0] = 2, counts[1] = 0;
  const torch::Tensor written_out = torch::cat({real.slice(0, 0, 1), real.slice(0, 0, 1), real.slice(0, 2)});
  EXPECT_NEAR(frechet_distance(real, made, counts), frechet_distance(written_out, made), 1e-9);
}

TEST(KernelDistance, IsTorchFidelitys) {
  EXPECT_NEAR(KernelDistance(real_features("near"), made_features("near")).value(), expected_value("near.kernel_distance"),
              1e-9);
  const SubsetDistance whole = kernel_distance(real_features("near"), made_features("near"), {10, 60}, Draws(1, "kid"));
  EXPECT_NEAR(whole.mean, expected_value("near.kernel_distance"), 1e-9);
  EXPECT_EQ(whole.deviation, 0);
}

TEST(KernelDistance, SubsetsScatterAroundTheWhole) {
  const torch::Tensor real = real_features("far"), made = made_features("far");
  const double whole = KernelDistance(real, made).value();
  const SubsetDistance subsets = kernel_distance(real, made, {200, 20}, Draws(1, "kid"));
  EXPECT_GT(subsets.deviation, 0);
  EXPECT_NEAR(subsets.mean, whole, 4 * subsets.deviation / std::sqrt(200.0));   // unbiased
  EXPECT_EQ(subsets.mean, kernel_distance(real, made, {200, 20}, Draws(1, "kid")).mean);
  EXPECT_NE(subsets.mean, kernel_distance(real, made, {200, 20}, Draws(2, "kid")).mean);
}

TEST(KernelDistance, CountsAreUnbiasedToo) {
  const KernelDistance distance(real_features("near"), made_features("near"));
  std::vector<int64_t> counts(60, 1), two(60, 2);
  EXPECT_NEAR(distance.value(counts, counts), distance.value(), 1e-12);
  EXPECT_NEAR(distance.value(two, two), distance.value(), 1e-12);   // a row is never compared with itself
  std::vector<int64_t> one(60, 0);
  one[3] = 5;
  EXPECT_TRUE(std::isnan(distance.value(one, counts)));
}

TEST(Manifolds, HaveTheSharesOfPrdc) {
  for (const std::string name : {"near", "far", "wide"})
    for (const int64_t k : {1, 3, 5}) {
      const ManifoldShares shares = Manifolds(real_features(name), made_features(name), k).shares();
      const std::string key = fmt::format("{}.{}.", name, k);
      EXPECT_NEAR(shares.precision, expected_value(key + "precision"), 1e-12) << key;
      EXPECT_NEAR(shares.recall, expected_value(key + "recall"), 1e-12) << key;
      EXPECT_NEAR(shares.density, expected_value(key + "density"), 1e-12) << key;
      EXPECT_NEAR(shares.coverage, expected_value(key + "coverage"), 1e-12) << key;
    }
}

TEST(Manifolds, BlocksOfRowsChangeNothing) {
  const torch::Tensor real = normal_rows(1, 700, 3), made = normal_rows(2, 600, 3);   // more rows than a block has
  const ManifoldShares ours = Manifolds(real, made, 2).shares();
  const auto inside = [](const torch::Tensor& centers, const torch::Tensor& points) {   // [points, centers], by cdist
    const torch::Tensor own = torch::cdist(centers.to(torch::kFloat64), centers.to(torch::kFloat64), 2, 2);
    return torch::cdist(points.to(torch::kFloat64), centers.to(torch::kFloat64), 2, 2) <= std::get<0>(own.kthvalue(3, 1));
  };
  EXPECT_NEAR(ours.precision, inside(real, made).any(1).to(torch::kFloat64).mean().item<double>(), 1e-12);
  EXPECT_NEAR(ours.recall, inside(made, real).any(1).to(torch::kFloat64).mean().item<double>(), 1e-12);
  EXPECT_NEAR(ours.coverage, inside(real, made).any(0).to(torch::kFloat64).mean().item<double>(), 1e-12);
}

TEST(Fidelity, IntervalsHoldTheValueAndNarrowWithMoreImages) {
  const FidelityOptions options{.nearest = 3, .kernel = {}, .resamples = 60, .level = 0.95};
  const auto few = fidelity(set_of(normal_rows(1, 60, 4)), set_of(normal_rows(2, 60, 4) + 1), options, Draws(0, "audit"));
  const auto many = fidelity(set_of(normal_rows(1, 500, 4)), set_of(normal_rows(2, 500, 4) + 1), options, Draws(0, "audit"));
  ASSERT_EQ(few.size(), 6u);
  for (size_t i = 0; i < few.size(); ++i) {
    SCOPED_TRACE(few[i].name);
    EXPECT_LE(few[i].interval.low, few[i].value);
    EXPECT_GE(few[i].interval.high, few[i].value);
    EXPECT_LT(many[i].interval.high - many[i].interval.low, few[i].interval.high - few[i].interval.low);
  }
  EXPECT_NEAR(many[0].value, 4.0, 0.6);   // unit normals, one apart in each of four directions
  EXPECT_LT(many[0].interval.low, 4.0);
  EXPECT_GT(many[0].interval.high, 4.0);
}

TEST(Fidelity, ImagesOfOnePatientAreDrawnTogether) {
  const torch::Tensor rows = normal_rows(1, 40, 4);
  FeatureSet alone = set_of(rows.repeat_interleave(5, 0)), together = alone;   // five images a patient, all alike
  for (size_t i = 0; i < together.patients.size(); ++i) together.patients[i] = fmt::format("p{}", i / 5);
  const FeatureSet made = set_of(normal_rows(2, 200, 4) + 1);
  const FidelityOptions options{.nearest = 3, .kernel = {}, .resamples = 60, .level = 0.95};
  const auto width = [](const FidelityMetric& metric) { return metric.interval.high - metric.interval.low; };
  EXPECT_GT(width(fidelity(together, made, options, Draws(0, "audit"))[0]),
            1.3 * width(fidelity(alone, made, options, Draws(0, "audit"))[0]));
}

TEST(Fidelity, WhatIsUndefinedIsNotANumber) {
  const auto metrics = fidelity(set_of(normal_rows(1, 4, 3)), set_of(normal_rows(2, 40, 3)),
                                {.nearest = 5, .kernel = {}, .resamples = 20}, Draws(0, "audit"));
  EXPECT_TRUE(std::isfinite(metrics[0].value));
  EXPECT_TRUE(std::isnan(metrics[2].value));
  EXPECT_TRUE(std::isnan(metrics[2].interval.low));
}

}  // namespace
}  // namespace defound
