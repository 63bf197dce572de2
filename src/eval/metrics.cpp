#include "defound/eval/metrics.h"

#include <cmath>
#include <limits>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr int64_t kCalibrationBins = 15;   // as in Guo et al. 2017

/// A one-vs-rest rate and the two names of its means.
struct Rate {
  const char* name;
  double (OneVsRest::*of)() const;
};
constexpr Rate kMacroRates[] = {{"sensitivity", &OneVsRest::sensitivity}, {"specificity", &OneVsRest::specificity},
                                {"precision", &OneVsRest::precision}, {"f1", &OneVsRest::f1}, {"g_mean", &OneVsRest::g_mean}};
constexpr Rate kPublishedRates[] = {{"accuracy", &OneVsRest::accuracy}, {"sensitivity", &OneVsRest::sensitivity},
                                    {"specificity", &OneVsRest::specificity}, {"precision", &OneVsRest::precision},
                                    {"g_mean", &OneVsRest::g_mean}, {"f1", &OneVsRest::f1}, {"mcc", &OneVsRest::mcc}};

/// Mean of the values that are defined; NaN of none.
double mean_defined(const std::vector<double>& values) {
  double sum = 0, count = 0;
  for (const double value : values) if (!std::isnan(value)) sum += value, ++count;
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

std::vector<MetricName> metric_names(int64_t classes) {
  std::vector<MetricName> names;
  for (const char* name : {"macro_auroc", "macro_aupr", "accuracy", "balanced_accuracy"}) names.push_back({name});
  for (const auto& rate : kMacroRates) names.push_back({std::string("macro_") + rate.name});
  for (const char* name : {"mcc", "kappa", "quadratic_kappa", "brier", "ece"}) names.push_back({name});
  for (const auto& rate : kPublishedRates) names.push_back({std::string("published_") + rate.name});
  for (int64_t c = 0; c < classes; ++c) {
    for (const char* name : {"auroc", "aupr"}) names.push_back({name, c});
    for (const auto& rate : kMacroRates) names.push_back({rate.name, c});
  }
  return names;
}

}  // namespace

ClassificationMetrics::ClassificationMetrics(const Predictions& predictions)
    : classes_(predictions.classes), names_(metric_names(predictions.classes)), labels_(predictions.labels) {
  predictions.check();
  for (int64_t n = 0; n < predictions.size(); ++n) {
    predicted_.push_back(predictions.predicted(n));
    confidence_.push_back(predictions.probability(n, predicted_.back()));
    hit_.push_back(predicted_.back() == labels_[static_cast<size_t>(n)]);
    brier_.push_back(brier_score(predictions.row(n), labels_[static_cast<size_t>(n)]));
  }
  for (int64_t c = 0; c < classes_; ++c) {
    std::vector<double> scores;
    std::vector<uint8_t> positive;
    for (int64_t n = 0; n < predictions.size(); ++n) {
      scores.push_back(predictions.probability(n, c));
      positive.push_back(labels_[static_cast<size_t>(n)] == c);
    }
    ranked_.emplace_back(scores, positive);
  }
}

ConfusionMatrix ClassificationMetrics::confusion(Counts counts) const {
  ConfusionMatrix matrix(classes_);
  for (size_t i = 0; i < labels_.size(); ++i) matrix.add(labels_[i], predicted_[i], counts.empty() ? 1 : counts[i]);
  return matrix;
}

std::vector<ReliabilityBin> ClassificationMetrics::reliability(int64_t bins, Counts counts) const {
  return reliability_curve(confidence_, hit_, bins, counts);
}

std::vector<int64_t> ClassificationMetrics::absent_classes() const {
  const ConfusionMatrix matrix = confusion();
  std::vector<int64_t> absent;
  for (int64_t c = 0; c < classes_; ++c) if (matrix.truths(c) == 0) absent.push_back(c);
  return absent;
}

std::vector<double> ClassificationMetrics::values(Counts counts) const {
  const ConfusionMatrix matrix = confusion(counts);
  std::vector<double> auroc, aupr;
  std::vector<OneVsRest> rates;
  std::vector<bool> present;
  for (int64_t c = 0; c < classes_; ++c) {
    const RankedScores::Areas areas = ranking(c).areas(counts);
    auroc.push_back(areas.auroc), aupr.push_back(areas.average_precision);
    rates.push_back(matrix.one_vs_rest(c)), present.push_back(matrix.truths(c) > 0);
  }
  const auto mean_rate = [&](const Rate& rate, size_t first) {
    std::vector<double> values;
    for (size_t c = first; c < rates.size(); ++c) if (present[c]) values.push_back((rates[c].*rate.of)());
    return mean_defined(values);
  };
  double brier = 0, all = 0;
  for (size_t i = 0; i < brier_.size(); ++i) {
    const double times = counts.empty() ? 1.0 : static_cast<double>(counts[i]);
    brier += times * brier_[i], all += times;
  }
  std::vector<double> values{mean_defined(auroc), mean_defined(aupr), matrix.accuracy(), matrix.balanced_accuracy()};
  for (const auto& rate : kMacroRates) values.push_back(mean_rate(rate, 0));
  for (const double value : {matrix.mcc(), matrix.kappa(), matrix.quadratic_kappa(), brier / all,
                             expected_calibration_error(reliability(kCalibrationBins, counts))})
    values.push_back(value);
  for (const auto& rate : kPublishedRates) values.push_back(mean_rate(rate, classes_ > 1 ? 1 : 0));
  for (size_t c = 0; c < rates.size(); ++c) {
    values.push_back(auroc[c]), values.push_back(aupr[c]);
    for (const auto& rate : kMacroRates) values.push_back(present[c] ? (rates[c].*rate.of)() : std::numeric_limits<double>::quiet_NaN());
  }
  return values;
}

double ClassificationMetrics::value(const std::string& name, int64_t of_class) const {
  for (size_t i = 0; i < names_.size(); ++i)
    if (names_[i].name == name && names_[i].of_class == of_class) return values()[i];
  fail("there is no metric '{}' of class {}", name, of_class);
}

}  // namespace defound
