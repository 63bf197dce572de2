#include "filter_weights.h"

#include <algorithm>
#include <cmath>

namespace defound {
namespace {

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double bicubic(double x) {  // Keys 1981, a = -0.5
  x = std::abs(x);
  if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
  if (x < 2.0) return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  return 0.0;
}

}  // namespace

FilterWeights filter_weights(double begin, double length, int64_t out_size, int64_t window_begin, int64_t window_size, Filter filter) {
  const double scale = length / static_cast<double>(out_size), stretch = std::max(scale, 1.0);
  const double support = (filter == Filter::kBicubic ? 2.0 : 1.0) * stretch;
  // counted from the first whole pixel of the box, so that a crop gives the same numbers wherever it lies
  const auto origin = static_cast<int64_t>(std::floor(begin)), end = static_cast<int64_t>(std::ceil(begin + length)) - origin;
  FilterWeights result;
  result.taps = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  result.first.resize(static_cast<size_t>(window_size));
  result.count.resize(static_cast<size_t>(window_size));
  result.weights.assign(static_cast<size_t>(window_size * result.taps), 0);
  std::vector<double> row(static_cast<size_t>(result.taps));
  for (int64_t i = 0; i < window_size; ++i) {
    const double center = (begin - static_cast<double>(origin)) + (static_cast<double>(window_begin + i) + 0.5) * scale;
    const int64_t low = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t high = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), end);
    double sum = 0;
    for (int64_t t = low; t < high; ++t) {
      const double x = (static_cast<double>(t) - center + 0.5) / stretch;
      sum += row[static_cast<size_t>(t - low)] = filter == Filter::kBicubic ? bicubic(x) : bilinear(x);
    }
    for (int64_t t = 0; t < high - low; ++t)
      result.weights[static_cast<size_t>(i * result.taps + t)] =
          static_cast<int32_t>(std::lround(row[static_cast<size_t>(t)] / sum * (1 << FilterWeights::kBits)));
    result.first[static_cast<size_t>(i)] = static_cast<int32_t>(origin + low);
    result.count[static_cast<size_t>(i)] = static_cast<int32_t>(high - low);
  }
  return result;
}

}  // namespace defound
