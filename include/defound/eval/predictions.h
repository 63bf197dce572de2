#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace defound {

/// What a classifier said of N samples, in the order of the data set.
struct Predictions {
  int64_t classes = 0;
  std::vector<int64_t> labels;          ///< [N], 0 .. classes-1
  std::vector<double> probabilities;    ///< [N, classes], row by row

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  std::span<const double> row(int64_t n) const { return std::span(probabilities).subspan(static_cast<size_t>(n * classes), static_cast<size_t>(classes)); }
  double probability(int64_t n, int64_t of_class) const { return probabilities[static_cast<size_t>(n * classes + of_class)]; }
  /// The most probable class; of equal ones the first.
  int64_t predicted(int64_t n) const;
  /// Fails (exit 1) when sizes do not match, a label is outside the classes or a probability is not finite.
  void check() const;
};

/// One row for each `views` rows that follow one another: their mean probabilities and the label of the first. Fails (exit 1)
/// when they do not come out even.
Predictions mean_over_views(const Predictions& seen, int64_t views);

/// How often each sample counts, [N]; empty: once. A bootstrap resample is such a list.
using Counts = std::span<const int64_t>;

}  // namespace defound
