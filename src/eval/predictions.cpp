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

}  // namespace defound
