#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "defound/core/random.h"
#include "defound/eval/predictions.h"

namespace defound {

struct Interval {
  double low = 0, high = 0;      ///< NaN when there is none
  int64_t resamples = 0;         ///< bootstrap: resamples on which the statistic was defined
};

/// The unit of resampling: a patient with all of their samples, because images of one patient are alike.
struct Patients {
  std::vector<std::vector<int64_t>> samples;   ///< of each patient
  std::vector<int64_t> stratum;                ///< of each patient: the highest label among their samples
};
/// Groups samples by name; a sample without a name is a patient of its own.
Patients group_by_patient(std::span<const std::string> names, std::span<const int64_t> labels);

struct BootstrapOptions {
  int64_t resamples = 1000;
  double level = 0.95;
  /// Draw patients within strata, so that each resample has as many patients of each class as the data (intervals
  /// are then conditional on the class counts, as DeLong's are, and no class is ever missing). Off: from all patients.
  bool stratified = true;
  int64_t threads = 1;           ///< compute resamples on so many (0: one a core); the statistic must be thread-safe
};

/// A statistic, or several, of the samples counted so often.
using Statistic = std::function<std::vector<double>(Counts counts)>;

/// replicates[r][k]: statistic k on resample r, which depends on (draws, r) only.
std::vector<std::vector<double>> bootstrap(const Patients& patients, const BootstrapOptions& options, const Draws& draws, const Statistic& statistic);
/// Percentile intervals (Efron 1979) of each statistic; undefined replicates are left out. None for fewer than two patients.
std::vector<Interval> bootstrap_intervals(const Patients& patients, const BootstrapOptions& options, const Draws& draws, const Statistic& statistic);

/// A difference of two statistics on the same samples, for example of two models.
struct Difference {
  double value = 0;
  Interval interval;
  double p_value = 1;            ///< two-sided: twice the smaller share of replicates on one side of 0, at least 2 / resamples
};
/// first - second for each statistic, both on the same resamples: what they share cancels out.
std::vector<Difference> bootstrap_differences(const Patients& patients, const BootstrapOptions& options, const Draws& draws,
                                              const Statistic& first, const Statistic& second);

/// The quantile with linear interpolation between order statistics (numpy's default) of values in any order.
double quantile(std::vector<double> values, double share);

/// Mean of runs with different seeds and its t interval: mean +- t(0.975, n-1) sd / sqrt(n); 2.776 sd / sqrt(5) for five.
struct SeedSummary {
  double mean = 0, standard_deviation = 0;
  Interval interval;
};
SeedSummary summarize_seeds(std::span<const double> values, double level = 0.95);

}  // namespace defound
