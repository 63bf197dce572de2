#include "defound/eval/delong.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace defound {
namespace {

/// Ranks from 1; equal values share the mean of theirs.
std::vector<double> midranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0, end = 0; i < order.size(); i = end) {
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (size_t j = i; j < end; ++j) ranks[order[j]] = static_cast<double>(i + end + 1) / 2;
  }
  return ranks;
}

/// For each positive the share of negatives below it, for each negative the share of positives above it; ties half.
struct Placements {
  std::vector<double> positives, negatives;
};

Placements placements(std::span<const double> scores, std::span<const uint8_t> positive) {
  std::vector<double> above, below;
  for (size_t i = 0; i < scores.size(); ++i) (positive[i] ? above : below).push_back(scores[i]);
  std::vector<double> all = above;
  all.insert(all.end(), below.begin(), below.end());
  const auto in_all = midranks(all), in_above = midranks(above), in_below = midranks(below);
  Placements out;
  for (size_t i = 0; i < above.size(); ++i) out.positives.push_back((in_all[i] - in_above[i]) / static_cast<double>(below.size()));
  for (size_t i = 0; i < below.size(); ++i) out.negatives.push_back(1 - (in_all[above.size() + i] - in_below[i]) / static_cast<double>(above.size()));
  return out;
}

double mean(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()); }

double covariance(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = mean(a), mean_b = mean(b);
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / (static_cast<double>(a.size()) - 1);
}

double covariance(const Placements& a, const Placements& b) {
  return covariance(a.positives, b.positives) / static_cast<double>(a.positives.size()) +
         covariance(a.negatives, b.negatives) / static_cast<double>(a.negatives.size());
}

}  // namespace

DeLong delong(std::span<const double> first_scores, std::span<const double> second_scores, std::span<const uint8_t> positive) {
  const Placements first = placements(first_scores, positive), second = placements(second_scores, positive);
  DeLong out{mean(first.positives), mean(second.positives), covariance(first, first), covariance(second, second), covariance(first, second)};
  const double variance = out.first_variance + out.second_variance - 2 * out.covariance, difference = out.first - out.second;
  if (difference == 0 && !std::isnan(variance)) return out;
  out.z = difference / std::sqrt(std::max(variance, 0.0));
  out.p_value = std::erfc(std::abs(out.z) / std::sqrt(2.0));
  return out;
}

Interval DeLong::first_interval(double level) const {
  const double half = normal_quantile((1 + level) / 2) * std::sqrt(first_variance);
  if (std::isnan(half)) return {half, half, 0};
  return {std::max(0.0, first - half), std::min(1.0, first + half), 0};
}

double normal_quantile(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace defound
