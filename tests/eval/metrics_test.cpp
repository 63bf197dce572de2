#include "defound/eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "defound/core/error.h"
#include "support/eval_goldens.h"

namespace defound {
namespace {

using testing::golden_case;
using testing::goldens;

/// Every number that the golden holds for CASE.KIND, against ours; returns how many there were.
int64_t compare(const std::string& name, const std::string& kind) {
  const auto golden = golden_case(name);
  const ClassificationMetrics metrics(golden.predictions);
  const auto values = metrics.values(kind == "weighted" ? Counts(golden.counts) : Counts());
  int64_t compared = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto& metric = metrics.names()[i];
    const std::string key = name + "." + kind + "." + metric.name + (metric.of_class < 0 ? "" : "." + std::to_string(metric.of_class));
    const auto at = goldens().tensors.find(key);
    if (at == goldens().tensors.end()) {
      EXPECT_TRUE(std::isnan(values[i])) << key << " is missing from the golden";   // an absent class
      continue;
    }
    EXPECT_NEAR(values[i], at->second.item<double>(), 1e-12) << key;
    ++compared;
  }
  return compared;
}

TEST(Metrics, AgreeWithScikitLearn) {
  EXPECT_EQ(compare("five", "expected"), 21 + 5 * 7);
  EXPECT_EQ(compare("binary", "expected"), 21 + 2 * 7);
  EXPECT_EQ(compare("absent", "expected"), 21 + 3 * 7);
  EXPECT_EQ(compare("weak", "expected"), 21 + 3 * 7);
}

TEST(Metrics, AgreeWithScikitLearnOnCountedSamples) {
  for (const auto& [name, classes] : {std::pair{"five", 5}, {"binary", 2}, {"absent", 3}, {"weak", 3}})
    EXPECT_EQ(compare(name, "weighted"), 21 + classes * 7) << name;
}

TEST(Metrics, CountsMeanRepeatedSamples) {
  const auto golden = golden_case("five");
  Predictions repeated{5, {}, {}};
  for (int64_t n = 0; n < golden.predictions.size(); ++n)
    for (int64_t i = 0; i < golden.counts[static_cast<size_t>(n)]; ++i) {
      repeated.labels.push_back(golden.predictions.labels[static_cast<size_t>(n)]);
      for (const double p : golden.predictions.row(n)) repeated.probabilities.push_back(p);
    }
  const auto counted = ClassificationMetrics(golden.predictions).values(golden.counts), copied = ClassificationMetrics(repeated).values();
  for (size_t i = 0; i < counted.size(); ++i) EXPECT_NEAR(counted[i], copied[i], 1e-12);
}

TEST(Metrics, AnAbsentClassIsLeftOutAndNamed) {
  const ClassificationMetrics metrics(golden_case("absent").predictions);
  EXPECT_EQ(metrics.absent_classes(), (std::vector<int64_t>{2}));
  EXPECT_TRUE(std::isnan(metrics.value("auroc", 2)));
  EXPECT_NEAR(metrics.value("macro_auroc"), (metrics.value("auroc", 0) + metrics.value("auroc", 1) + metrics.value("auroc", 3)) / 3, 1e-15);
}

TEST(Metrics, OneClassOnlyHasNoRanking) {
  const ClassificationMetrics metrics(Predictions{2, {1, 1}, {0.2, 0.8, 0.6, 0.4}});
  EXPECT_TRUE(std::isnan(metrics.value("macro_auroc")));
  EXPECT_TRUE(std::isnan(metrics.value("specificity", 1)));
  EXPECT_EQ(metrics.value("accuracy"), 0.5);
  EXPECT_EQ(metrics.value("mcc"), 0.0);
}

TEST(Metrics, NoSamplesAreUndefinedNotACrash) {
  for (const double value : ClassificationMetrics(Predictions{3, {}, {}}).values()) EXPECT_TRUE(std::isnan(value) || value == 0.0);
}

TEST(Metrics, BadPredictionsAreRefused) {
  EXPECT_THROW(ClassificationMetrics(Predictions{2, {0}, {0.5}}), Error);
  EXPECT_THROW(ClassificationMetrics(Predictions{2, {2}, {0.5, 0.5}}), Error);
  EXPECT_THROW(ClassificationMetrics(Predictions{2, {-1}, {0.5, 0.5}}), Error);
  EXPECT_THROW(ClassificationMetrics(Predictions{2, {0}, {0.5, NAN}}), Error);
}

TEST(Predictions, ViewsOfAnImageAreAveraged) {
  const Predictions seen{2, {1, 1, 0, 0}, {0.25, 0.75, 0.5, 0.5, 1, 0, 0.5, 0.5}};
  const Predictions mean = mean_over_views(seen, 2);
  EXPECT_EQ(mean.labels, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(mean.probabilities, (std::vector<double>{0.375, 0.625, 0.75, 0.25}));
  EXPECT_EQ(mean_over_views(seen, 1).probabilities, seen.probabilities);
  EXPECT_THROW(mean_over_views(seen, 3), Error);
}

TEST(Ranking, KnownAnswers) {  // scikit-learn's documentation
  const std::vector<double> scores{0.1, 0.4, 0.35, 0.8};
  const std::vector<uint8_t> positive{0, 0, 1, 1};
  const RankedScores ranked(scores, positive);
  EXPECT_DOUBLE_EQ(ranked.auroc(), 0.75);
  EXPECT_NEAR(ranked.average_precision(), 0.8333, 1e-4);
}

TEST(Ranking, TiesCountHalf) {
  const std::vector<double> scores(6, 0.5);
  const std::vector<uint8_t> positive{0, 1, 0, 1, 1, 0};
  EXPECT_DOUBLE_EQ(RankedScores(scores, positive).auroc(), 0.5);
  EXPECT_DOUBLE_EQ(RankedScores(scores, positive).average_precision(), 0.5);
}

TEST(Ranking, CurvesBeginAndEndInTheirCorners) {
  const RankedScores ranked(std::vector<double>{0.9, 0.8, 0.8, 0.1}, std::vector<uint8_t>{1, 0, 1, 0});
  const RocCurve roc = ranked.roc();
  EXPECT_EQ(roc.false_positive_rate, (std::vector<double>{0, 0, 0.5, 1}));
  EXPECT_EQ(roc.true_positive_rate, (std::vector<double>{0, 0.5, 1, 1}));
  EXPECT_EQ(ranked.precision_recall().recall, (std::vector<double>{0, 0.5, 1, 1}));
  EXPECT_DOUBLE_EQ(ranked.precision_recall().precision[2], 2.0 / 3);
  EXPECT_TRUE(RankedScores(std::vector<double>{0.5}, std::vector<uint8_t>{1}).roc().true_positive_rate.empty());
}

TEST(Ranking, AResampleMayLackTheHighestScores) {
  const RankedScores ranked(std::vector<double>{0.9, 0.5, 0.1}, std::vector<uint8_t>{0, 1, 0});
  const std::vector<int64_t> counts{0, 2, 1};
  EXPECT_DOUBLE_EQ(ranked.average_precision(counts), 1.0);
  EXPECT_DOUBLE_EQ(ranked.auroc(counts), 1.0);
}

TEST(Confusion, KappaOfChanceIsZero) {
  ConfusionMatrix matrix(2);
  for (const int64_t truth : {0, 1}) for (const int64_t prediction : {0, 1}) matrix.add(truth, prediction, 10);
  EXPECT_DOUBLE_EQ(matrix.kappa(), 0.0);
  EXPECT_DOUBLE_EQ(matrix.mcc(), 0.0);
  EXPECT_DOUBLE_EQ(matrix.one_vs_rest(1).g_mean(), 0.5);
}

TEST(Calibration, ReliabilityAgreesWithScikitLearn) {
  const auto [predicted, hits] = testing::golden_scores("binary");
  std::vector<double> x, y;
  for (const auto& bin : reliability_curve(predicted, hits, 10)) if (bin.count > 0) x.push_back(bin.mean_predicted), y.push_back(bin.observed);
  testing::expect_near(x, testing::golden_values("reliability.predicted"), 1e-12);
  testing::expect_near(y, testing::golden_values("reliability.observed"), 1e-12);
}

TEST(Calibration, PerfectAndWorst) {
  const std::vector<uint8_t> hits{1, 1}, misses{0, 0};
  const std::vector<double> sure{1.0, 1.0};
  EXPECT_DOUBLE_EQ(expected_calibration_error(reliability_curve(sure, hits, 15)), 0.0);
  EXPECT_DOUBLE_EQ(expected_calibration_error(reliability_curve(sure, misses, 15)), 1.0);
  EXPECT_DOUBLE_EQ(brier_score(std::vector<double>{0.2, 0.8}, 1), 0.04);
  EXPECT_DOUBLE_EQ(brier_score(std::vector<double>{1, 0, 0}, 2), 2.0);
}

}  // namespace
}  // namespace defound
