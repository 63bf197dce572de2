#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "defound/eval/predictions.h"
#include "defound/tensor/safetensors.h"

namespace defound::testing {

/// tests/goldens/metrics.safetensors, made by scripts/goldens/metrics.py.
inline const Safetensors& goldens() {
  static const Safetensors file = load_safetensors(DEFOUND_GOLDENS "/metrics.safetensors");
  return file;
}

inline std::vector<double> golden_values(const std::string& key) {
  const torch::Tensor values = goldens().tensors.at(key).to(torch::kFloat64).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

inline std::vector<int64_t> golden_integers(const std::string& key) {
  const torch::Tensor values = goldens().tensors.at(key).contiguous();
  return {values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel()};
}

struct GoldenCase {
  Predictions predictions;
  std::vector<int64_t> counts;
};

inline GoldenCase golden_case(const std::string& name) {
  return {{goldens().tensors.at(name + ".probabilities").size(1), golden_integers(name + ".labels"), golden_values(name + ".probabilities")},
          golden_integers(name + ".counts")};
}

struct GoldenScores {
  std::vector<double> scores;
  std::vector<uint8_t> positive;
};

/// The second class of a case against the first.
inline GoldenScores golden_scores(const std::string& name) {
  const Predictions predictions = golden_case(name).predictions;
  GoldenScores out;
  for (int64_t n = 0; n < predictions.size(); ++n) {
    out.scores.push_back(predictions.probability(n, 1));
    out.positive.push_back(predictions.labels[static_cast<size_t>(n)] == 1);
  }
  return out;
}

inline void expect_near(const std::vector<double>& ours, const std::vector<double>& theirs, double tolerance) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], tolerance) << "at " << i;
}

}  // namespace defound::testing
