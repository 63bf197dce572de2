#include "defound/eval/ranking.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace defound {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

}  // namespace

RankedScores::RankedScores(std::span<const double> scores, std::span<const uint8_t> positive) : order_(scores.size()) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  positive_.reserve(order_.size()), last_of_tie_.reserve(order_.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    positive_.push_back(positive[order_[i]]);
    last_of_tie_.push_back(i + 1 == order_.size() || scores[order_[i]] != scores[order_[i + 1]]);
  }
}

template <class Visit>
void RankedScores::walk(Counts counts, Visit visit) const {
  double hits = 0, alarms = 0;
  bool changed = false;
  for (size_t i = 0; i < order_.size(); ++i) {
    const double times = counts.empty() ? 1.0 : static_cast<double>(counts[order_[i]]);
    (positive_[i] ? hits : alarms) += times;
    changed = changed || times != 0;
    if (!last_of_tie_[i] || !changed) continue;
    visit(hits, alarms);
    changed = false;
  }
}

RankedScores::Areas RankedScores::areas(Counts counts) const {
  double pairs = 0, precisions = 0, hits_before = 0, alarms_before = 0;   // pairs: in halves, exact in double
  walk(counts, [&](double hits, double alarms) {
    pairs += (alarms - alarms_before) * (hits + hits_before) / 2;
    precisions += (hits - hits_before) * (hits / (hits + alarms));
    hits_before = hits, alarms_before = alarms;
  });
  const double all_pairs = hits_before * alarms_before;
  return {all_pairs > 0 ? pairs / all_pairs : kUndefined, hits_before > 0 ? precisions / hits_before : kUndefined};
}

double RankedScores::auroc(Counts counts) const { return areas(counts).auroc; }
double RankedScores::average_precision(Counts counts) const { return areas(counts).average_precision; }

RocCurve RankedScores::roc() const {
  double positives = 0, negatives = 0;
  walk({}, [&](double hits, double alarms) { positives = hits, negatives = alarms; });
  if (positives == 0 || negatives == 0) return {};
  RocCurve curve{{0}, {0}};
  walk({}, [&](double hits, double alarms) {
    curve.false_positive_rate.push_back(alarms / negatives);
    curve.true_positive_rate.push_back(hits / positives);
  });
  return curve;
}

PrecisionRecallCurve RankedScores::precision_recall() const {
  double positives = 0;
  walk({}, [&](double hits, double) { positives = hits; });
  if (positives == 0) return {};
  PrecisionRecallCurve curve{{0}, {1}};
  walk({}, [&](double hits, double alarms) {
    curve.recall.push_back(hits / positives);
    curve.precision.push_back(hits / (hits + alarms));
  });
  return curve;
}

}  // namespace defound
