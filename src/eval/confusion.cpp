#include "defound/eval/confusion.h"

#include <cmath>
#include <limits>

namespace defound {
namespace {

double share(double part, double whole) { return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN(); }

}  // namespace

double OneVsRest::sensitivity() const { return share(true_positive, true_positive + false_negative); }
double OneVsRest::specificity() const { return share(true_negative, true_negative + false_positive); }
double OneVsRest::precision() const { return true_positive > 0 ? true_positive / (true_positive + false_positive) : 0.0; }
double OneVsRest::f1() const { return true_positive > 0 ? 2 * true_positive / (2 * true_positive + false_positive + false_negative) : 0.0; }
double OneVsRest::accuracy() const { return share(true_positive + true_negative, true_positive + true_negative + false_positive + false_negative); }
double OneVsRest::g_mean() const { return std::sqrt(sensitivity() * specificity()); }

double OneVsRest::mcc() const {
  const double margins = (true_positive + false_positive) * (true_positive + false_negative) * (true_negative + false_positive) * (true_negative + false_negative);
  return margins > 0 ? (true_positive * true_negative - false_positive * false_negative) / std::sqrt(margins) : 0.0;
}

ConfusionMatrix::ConfusionMatrix(int64_t classes)
    : counts_(static_cast<size_t>(classes), std::vector<int64_t>(static_cast<size_t>(classes), 0)) {}

void ConfusionMatrix::add(int64_t truth, int64_t prediction, int64_t times) {
  counts_[static_cast<size_t>(truth)][static_cast<size_t>(prediction)] += times;
}

int64_t ConfusionMatrix::truths(int64_t of_class) const {
  int64_t sum = 0;
  for (const int64_t count : counts_[static_cast<size_t>(of_class)]) sum += count;
  return sum;
}

OneVsRest ConfusionMatrix::one_vs_rest(int64_t of_class) const {
  OneVsRest out;
  for (int64_t truth = 0; truth < classes(); ++truth) {
    for (int64_t prediction = 0; prediction < classes(); ++prediction) {
      const auto count = static_cast<double>(counts_[static_cast<size_t>(truth)][static_cast<size_t>(prediction)]);
      if (truth == of_class) (prediction == of_class ? out.true_positive : out.false_negative) += count;
      else (prediction == of_class ? out.false_positive : out.true_negative) += count;
    }
  }
  return out;
}

double ConfusionMatrix::accuracy() const {
  double hits = 0, all = 0;
  for (int64_t c = 0; c < classes(); ++c) {
    hits += static_cast<double>(counts_[static_cast<size_t>(c)][static_cast<size_t>(c)]);
    all += static_cast<double>(truths(c));
  }
  return share(hits, all);
}

double ConfusionMatrix::balanced_accuracy() const {
  double sum = 0, present = 0;
  for (int64_t c = 0; c < classes(); ++c) {
    if (truths(c) == 0) continue;
    sum += one_vs_rest(c).sensitivity(), ++present;
  }
  return share(sum, present);
}

double ConfusionMatrix::mcc() const {
  double all = 0, hits = 0, cross = 0, truth_squares = 0, prediction_squares = 0;
  for (int64_t c = 0; c < classes(); ++c) {
    const OneVsRest rates = one_vs_rest(c);
    const double truth = rates.true_positive + rates.false_negative, predicted = rates.true_positive + rates.false_positive;
    all += truth, hits += rates.true_positive, cross += truth * predicted;
    truth_squares += truth * truth, prediction_squares += predicted * predicted;
  }
  const double margins = (all * all - truth_squares) * (all * all - prediction_squares);
  return margins > 0 ? (hits * all - cross) / std::sqrt(margins) : 0.0;
}

double ConfusionMatrix::weighted_kappa(double (*disagreement)(int64_t, int64_t)) const {
  std::vector<double> truth(counts_.size()), predicted(counts_.size());
  double all = 0, observed = 0, expected = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    for (size_t j = 0; j < counts_.size(); ++j) {
      const auto count = static_cast<double>(counts_[i][j]);
      truth[i] += count, predicted[j] += count, all += count;
      observed += count * disagreement(static_cast<int64_t>(i), static_cast<int64_t>(j));
    }
  }
  for (size_t i = 0; i < counts_.size(); ++i)
    for (size_t j = 0; j < counts_.size(); ++j) expected += truth[i] * predicted[j] / all * disagreement(static_cast<int64_t>(i), static_cast<int64_t>(j));
  return expected > 0 ? 1 - observed / expected : std::numeric_limits<double>::quiet_NaN();
}

double ConfusionMatrix::kappa() const {
  return weighted_kappa([](int64_t i, int64_t j) { return i == j ? 0.0 : 1.0; });
}

double ConfusionMatrix::quadratic_kappa() const {
  return weighted_kappa([](int64_t i, int64_t j) { return static_cast<double>((i - j) * (i - j)); });
}

}  // namespace defound
