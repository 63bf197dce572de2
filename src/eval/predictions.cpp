#include "defound/eval/predictions.h"

#include <algorithm>
#include <cmath>

#include "defound/core/error.h"

namespace defound {

int64_t Predictions::predicted(int64_t n) const {
  const auto probabilities_of = row(n);
  return std::max_element(probabilities_of.begin(), probabilities_of.end()) - probabilities_of.begin();
}

void Predictions::check() const {
  if (classes < 1 || probabilities.size() != labels.size() * static_cast<size_t>(classes))
    fail("predictions: {} labels and {} classes need {} probabilities, found {}", labels.size(), classes,
         static_cast<int64_t>(labels.size()) * classes, probabilities.size());
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= classes) fail("predictions: sample {} has the label {}; there are {} classes", i, labels[i], classes);
  for (size_t i = 0; i < probabilities.size(); ++i)
    if (!std::isfinite(probabilities[i])) fail("the model gave sample {} a probability that is not finite: its weights are damaged", static_cast<int64_t>(i) / classes);
}

Predictions mean_over_views(const Predictions& seen, int64_t views) {
  if (views < 1 || seen.size() % views != 0) fail("{} predictions are not {} views of each image", seen.size(), views);
  Predictions mean{seen.classes, {}, {}};
  for (int64_t first = 0; first < seen.size(); first += views) {
    mean.labels.push_back(seen.labels[static_cast<size_t>(first)]);
    for (int64_t c = 0; c < seen.classes; ++c) {
      double sum = 0;
      for (int64_t v = 0; v < views; ++v) sum += seen.probability(first + v, c);
      mean.probabilities.push_back(sum / static_cast<double>(views));
    }
  }
  return mean;
}

}  // namespace defound
