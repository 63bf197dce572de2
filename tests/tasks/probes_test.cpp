#include <fmt/format.h>
#include <gtest/gtest.h>

#include "defound/core/random.h"
#include "defound/tasks/knn_probe.h"
#include "defound/tasks/linear_probe.h"
#include "defound/tensor/random_tensor.h"
#include "support/expect_error.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::golden;

std::vector<int64_t> integers(const torch::Tensor& tensor) { return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()}; }

double largest_difference(const std::vector<double>& ours, const torch::Tensor& theirs) {
  return (torch::tensor(ours, torch::kFloat64).view(theirs.sizes()) - theirs).abs().max().item<double>();
}

TEST(LinearProbe, HasScikitLearnsProbabilities) {
  const TensorMap file = golden("probes.safetensors");
  for (const auto& [name, classes] : std::vector<std::pair<std::string, int64_t>>{{"four", 4}, {"two", 2}, {"wide", 3}}) {
    const std::string key = "linear." + name;
    const auto labels = integers(file.at(key + ".labels"));
    for (const double strength : {0.001, 0.1, 1.0, 100.0}) {
      const std::string which = fmt::format("{}.{:g}", key, strength);
      const auto ours = fit_linear(file.at(key + ".train"), labels, classes, {strength}).front().probabilities(file.at(key + ".test"));
      EXPECT_LT(largest_difference(ours, file.at(which + ".standardized")), 1e-4) << which;
      if (name != "four") continue;
      const auto raw = fit_linear(file.at(key + ".train"), labels, classes, {strength}, {.standardize = false}).front().probabilities(file.at(key + ".test"));
      EXPECT_LT(largest_difference(raw, file.at(which + ".raw")), 1e-4) << which << " raw";
    }
  }
}

TEST(LinearProbe, AStrengthGivesTheSameModelInAnyList) {
  const TensorMap file = golden("probes.safetensors");
  const auto labels = integers(file.at("linear.four.labels"));
  const auto several = fit_linear(file.at("linear.four.train"), labels, 4, {0.001, 0.03, 1.0});
  ASSERT_EQ(several.size(), 3u);
  EXPECT_EQ(several[2].strength, 1.0);
  EXPECT_LT(largest_difference(several[2].probabilities(file.at("linear.four.test")), file.at("linear.four.1.standardized")), 1e-4);
}

TEST(LinearProbe, AFeatureThatNeverChangesDoesNoHarm) {
  const TensorMap file = golden("probes.safetensors");
  const auto labels = integers(file.at("linear.four.labels"));
  const auto with_constant = [](const torch::Tensor& rows) { return torch::cat({rows, torch::full({rows.size(0), 1}, 3.0F)}, 1); };
  const auto model = fit_linear(with_constant(file.at("linear.four.train")), labels, 4, {1.0}).front();
  EXPECT_LT(largest_difference(model.probabilities(with_constant(file.at("linear.four.test"))), file.at("linear.four.1.standardized")), 1e-4);
}

TEST(KnnProbe, HasDinosVotes) {
  const TensorMap file = golden("probes.safetensors");
  for (const int64_t k : {1, 5, 20, 90}) {
    const auto ours = knn_probabilities(file.at("knn.train"), integers(file.at("knn.labels")), file.at("knn.test"), 5, k);
    EXPECT_LT(largest_difference(ours, file.at(fmt::format("knn.{}", k))), 1e-5) << k;
  }
  expect_error(ExitCode::kUsage, "only 90 training images", [&] { knn_probabilities(file.at("knn.train"), integers(file.at("knn.labels")), file.at("knn.test"), 5, 91); });
}

TEST(KnnProbe, ManyTestRowsAreTakenInParts) {
  std::vector<uint64_t> ids(600);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = i;
  const torch::Tensor rows = random_normal(Draws(1, "rows"), ids, {8});
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 600; ++i) labels.push_back(i % 3);
  const auto shares = knn_probabilities(rows, labels, rows, 3, 1);   // each row is its own nearest
  ASSERT_EQ(shares.size(), 1800u);
  for (size_t i = 0; i < 600; ++i) EXPECT_EQ(shares[3 * i + i % 3], 1.0);
}

}  // namespace
}  // namespace defound
