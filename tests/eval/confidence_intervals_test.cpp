#include "defound/eval/confidence_intervals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "defound/core/error.h"
#include "defound/eval/delong.h"
#include "defound/eval/metrics.h"
#include "defound/eval/student_t.h"
#include "support/eval_goldens.h"

namespace defound {
namespace {

using testing::golden_values;

/// Mean of `values` counted so often.
Statistic mean_of(const std::vector<double>& values) {
  return [&values](Counts counts) {
    double sum = 0, all = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double times = counts.empty() ? 1.0 : static_cast<double>(counts[i]);
      sum += times * values[i], all += times;
    }
    return std::vector<double>{sum / all};
  };
}

/// `patients` with `images` each: every patient has a level of their own, images scatter little around it.
struct MadeUp {
  std::vector<std::string> names;
  std::vector<double> values;
  std::vector<int64_t> labels;
  MadeUp(int64_t patients, int64_t images, uint64_t id) {
    RandomStream stream = Draws(11, "made up").stream(id);
    for (int64_t p = 0; p < patients; ++p) {
      const double level = stream.normal();
      for (int64_t i = 0; i < images; ++i) {
        names.push_back("patient " + std::to_string(p)), labels.push_back(0);
        values.push_back(level + 0.1 * stream.normal());
      }
    }
  }
};

TEST(Bootstrap, DependsOnTheSeedOnly) {
  const MadeUp data(20, 2, 0);
  const Patients patients = group_by_patient(data.names, data.labels);
  const auto run = [&](uint64_t seed) { return bootstrap(patients, {50}, Draws(seed, "bootstrap"), mean_of(data.values)); };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Bootstrap, IntervalsOfTheMeanCoverItAsOftenAsTheySay) {
  int64_t covered = 0;
  const int64_t trials = 300;
  for (int64_t trial = 0; trial < trials; ++trial) {
    const MadeUp data(60, 1, static_cast<uint64_t>(trial));
    const auto interval = bootstrap_intervals(group_by_patient(data.names, data.labels), {300}, Draws(static_cast<uint64_t>(trial), "bootstrap"), mean_of(data.values))[0];
    covered += interval.low <= 0 && 0 <= interval.high;
  }
  const double share = static_cast<double>(covered) / static_cast<double>(trials);
  EXPECT_NEAR(share, 0.945, 4 * std::sqrt(0.05 * 0.95 / trials));
}

TEST(Bootstrap, PatientsAreTheUnitNotImages) {
  const MadeUp data(30, 25, 1);
  const auto width = [&](const std::vector<std::string>& names) {
    const auto interval = bootstrap_intervals(group_by_patient(names, data.labels), {400}, Draws(5, "bootstrap"), mean_of(data.values))[0];
    return interval.high - interval.low;
  };
  const double by_patient = width(data.names), by_image = width(std::vector<std::string>(data.names.size()));
  EXPECT_NEAR(by_patient / by_image, 5.0, 1.5);   // the root of 25 images that say the same
}

TEST(Bootstrap, APatientIsDrawnWhole) {
  const MadeUp data(8, 3, 2);
  const Patients patients = group_by_patient(data.names, data.labels);
  bootstrap(patients, {20}, Draws(5, "bootstrap"), [&](Counts counts) {
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}), 24);
    for (const auto& samples : patients.samples)
      for (const int64_t sample : samples) EXPECT_EQ(counts[static_cast<size_t>(sample)], counts[static_cast<size_t>(samples[0])]);
    return std::vector<double>{0};
  });
}

TEST(Bootstrap, StrataKeepTheirNumberOfPatients) {
  const std::vector<int64_t> labels{0, 0, 0, 0, 0, 0, 0, 1, 1, 2};
  const Patients patients = group_by_patient(std::vector<std::string>(labels.size()), labels);
  const auto second_class = [&](Counts counts) {
    return std::vector<double>{static_cast<double>(counts[7] + counts[8]), static_cast<double>(counts[9])};
  };
  for (const auto& replicate : bootstrap(patients, {50, 0.95, true}, Draws(1, "b"), second_class)) EXPECT_EQ(replicate, (std::vector<double>{2, 1}));
  bool missing = false;
  for (const auto& replicate : bootstrap(patients, {50, 0.95, false}, Draws(1, "b"), second_class)) missing = missing || replicate[1] == 0;
  EXPECT_TRUE(missing);
}

TEST(Bootstrap, APatientStandsInTheStratumOfTheirHighestLabel) {
  const Patients patients = group_by_patient(std::vector<std::string>{"a", "b", "a", ""}, std::vector<int64_t>{0, 1, 3, 2});
  EXPECT_EQ(patients.samples, (std::vector<std::vector<int64_t>>{{0, 2}, {1}, {3}}));
  EXPECT_EQ(patients.stratum, (std::vector<int64_t>{3, 1, 2}));
  EXPECT_THROW(group_by_patient(std::vector<std::string>{"a"}, std::vector<int64_t>{}), Error);
}

TEST(Bootstrap, OnePatientHasNoInterval) {
  const std::vector<double> values{1, 2, 3};
  const auto interval = bootstrap_intervals(group_by_patient(std::vector<std::string>(3, "a"), std::vector<int64_t>{0, 0, 0}), {100}, Draws(1, "b"), mean_of(values))[0];
  EXPECT_TRUE(std::isnan(interval.low) && std::isnan(interval.high));
  EXPECT_EQ(interval.resamples, 0);
}

TEST(Bootstrap, UndefinedReplicatesAreLeftOutAndCounted) {
  const auto golden = testing::golden_case("weak");
  const std::vector<std::string> names(golden.predictions.labels.size());
  const auto statistic = [&](Counts counts) { return std::vector<double>{counts.empty() || counts[0] == 0 ? NAN : 1.0}; };
  const auto interval = bootstrap_intervals(group_by_patient(names, golden.predictions.labels), {200}, Draws(1, "b"), statistic)[0];
  EXPECT_NEAR(static_cast<double>(interval.resamples), 200 * (1 - std::exp(-1)), 30);
  EXPECT_EQ(interval.low, 1.0);
}

TEST(Bootstrap, PairedDifferenceSeesWhatSeparateIntervalsHide) {
  const MadeUp data(100, 1, 3);
  std::vector<double> better = data.values;
  RandomStream stream = Draws(4, "noise").stream(0);
  for (double& value : better) value += 0.05 + 0.05 * stream.normal();
  const Patients patients = group_by_patient(data.names, data.labels);
  const auto first = [&](Counts counts) { return mean_of(better)(counts)[0]; };
  const auto second = [&](Counts counts) { return mean_of(data.values)(counts)[0]; };
  const Difference difference = bootstrap_difference(patients, {500}, Draws(1, "b"), first, second);
  EXPECT_GT(difference.interval.low, 0.0);
  EXPECT_LE(difference.p_value, 0.01);
  EXPECT_EQ(bootstrap_difference(patients, {500}, Draws(1, "b"), first, first).p_value, 1.0);
}

TEST(Quantile, AgreesWithNumpy) {
  std::vector<double> ours;
  for (const double share : golden_values("quantile.shares")) ours.push_back(quantile(golden_values("quantile.values"), share));
  testing::expect_near(ours, golden_values("quantile.expected"), 1e-14);
}

TEST(StudentT, AgreesWithScipy) {
  std::vector<double> cdf, quantiles;
  for (const double t : golden_values("t.values")) for (const double dof : golden_values("t.dof")) cdf.push_back(student_t_cdf(t, dof));
  testing::expect_near(cdf, golden_values("t.cdf"), 1e-12);
  const auto theirs = golden_values("t.ppf");
  for (const double p : golden_values("t.shares")) for (const double dof : golden_values("t.dof")) quantiles.push_back(student_t_quantile(p, dof));
  ASSERT_EQ(quantiles.size(), theirs.size());
  for (size_t i = 0; i < theirs.size(); ++i) EXPECT_NEAR(quantiles[i], theirs[i], 1e-10 * std::max(1.0, std::abs(theirs[i])));
}

TEST(Seeds, FiveSeedsGiveTheTInterval) {
  const auto seeds = golden_values("seeds.values"), expected = golden_values("seeds.expected");
  const SeedSummary summary = summarize_seeds(seeds);
  testing::expect_near({summary.mean, summary.standard_deviation, summary.interval.low, summary.interval.high}, expected, 1e-12);
  EXPECT_NEAR(summary.interval.high - summary.mean, 2.776 * summary.standard_deviation / std::sqrt(5), 1e-5);
  EXPECT_TRUE(std::isnan(summarize_seeds(std::vector<double>{0.9}).interval.low));
  EXPECT_TRUE(std::isnan(summarize_seeds({}).mean));
}

TEST(DeLongTest, AgreesWithTheDefinition) {
  const auto [first, positive] = testing::golden_scores("binary");
  const DeLong test = delong(first, golden_values("delong.second"), positive);
  testing::expect_near({test.first, test.second, test.first_variance, test.second_variance, test.covariance, test.z, test.p_value},
                       golden_values("delong.expected"), 1e-12);
  EXPECT_NEAR(test.first, RankedScores(first, positive).auroc(), 1e-12);
  EXPECT_NEAR(test.first_interval().high - test.first, 1.959963984540054 * std::sqrt(test.first_variance), 1e-12);
  EXPECT_EQ(delong(first, first, positive).p_value, 1.0);
}

TEST(DeLongTest, OnePositiveHasNoVariance) {
  const DeLong test = delong(std::vector<double>{0.9, 0.2, 0.1}, std::vector<double>{0.1, 0.2, 0.9}, std::vector<uint8_t>{1, 0, 0});
  EXPECT_EQ(test.first, 1.0);
  EXPECT_TRUE(std::isnan(test.p_value));
  EXPECT_TRUE(std::isnan(test.first_interval().low));
}

}  // namespace
}  // namespace defound
