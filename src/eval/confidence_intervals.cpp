#include "defound/eval/confidence_intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "defound/core/error.h"
#include "defound/data/parallel_for.h"
#include "defound/eval/student_t.h"

namespace defound {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// Patients that are exchanged for each other.
std::vector<std::vector<size_t>> pools(const Patients& patients, bool stratified) {
  std::map<int64_t, std::vector<size_t>> by_stratum;
  for (size_t i = 0; i < patients.samples.size(); ++i) by_stratum[stratified ? patients.stratum[i] : 0].push_back(i);
  std::vector<std::vector<size_t>> out;
  for (auto& [stratum, members] : by_stratum) out.push_back(std::move(members));
  return out;
}

/// Statistic k on the resamples where it is defined.
std::vector<double> defined_values(const std::vector<std::vector<double>>& replicates, size_t k) {
  std::vector<double> values;
  for (const auto& replicate : replicates) if (!std::isnan(replicate[k])) values.push_back(replicate[k]);
  return values;
}

Interval percentile_interval(const std::vector<double>& values, double level) {
  return {quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2), static_cast<int64_t>(values.size())};
}

}  // namespace

Patients group_by_patient(std::span<const std::string> names, std::span<const int64_t> labels) {
  if (names.size() != labels.size()) fail("bootstrap: {} patients for {} samples", names.size(), labels.size());
  Patients patients;
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t next = patients.samples.size();
    const size_t at = names[i].empty() ? next : known.emplace(names[i], next).first->second;
    if (at == next) patients.samples.emplace_back(), patients.stratum.push_back(labels[i]);
    patients.samples[at].push_back(static_cast<int64_t>(i));
    patients.stratum[at] = std::max(patients.stratum[at], labels[i]);
  }
  return patients;
}

std::vector<std::vector<double>> bootstrap(const Patients& patients, const BootstrapOptions& options, const Draws& draws, const Statistic& statistic) {
  size_t size = 0;
  for (const auto& samples : patients.samples) size += samples.size();
  const auto groups = pools(patients, options.stratified);
  std::vector<std::vector<double>> replicates(static_cast<size_t>(options.resamples));
  parallel_for(options.resamples, options.threads, [&](int64_t r) {
    RandomStream stream = draws.stream(static_cast<uint64_t>(r));
    std::vector<int64_t> counts(size, 0);
    for (const auto& members : groups)
      for (size_t i = 0; i < members.size(); ++i)
        for (const int64_t sample : patients.samples[members[stream.below(members.size())]]) ++counts[static_cast<size_t>(sample)];
    replicates[static_cast<size_t>(r)] = statistic(counts);
  });
  return replicates;
}

std::vector<Interval> bootstrap_intervals(const Patients& patients, const BootstrapOptions& options, const Draws& draws, const Statistic& statistic) {
  if (patients.samples.size() < 2) return std::vector<Interval>(statistic({}).size(), Interval{kUndefined, kUndefined, 0});
  const auto replicates = bootstrap(patients, options, draws, statistic);
  std::vector<Interval> intervals;
  for (size_t k = 0; !replicates.empty() && k < replicates.front().size(); ++k)
    intervals.push_back(percentile_interval(defined_values(replicates, k), options.level));
  return intervals;
}

std::vector<Difference> bootstrap_differences(const Patients& patients, const BootstrapOptions& options, const Draws& draws,
                                              const Statistic& first, const Statistic& second) {
  const Statistic difference = [&](Counts counts) {
    std::vector<double> values = first(counts);
    const std::vector<double> others = second(counts);
    for (size_t k = 0; k < values.size(); ++k) values[k] -= others[k];
    return values;
  };
  std::vector<Difference> out;
  for (const double value : difference({})) out.push_back({value, {kUndefined, kUndefined, 0}, kUndefined});
  if (patients.samples.size() < 2) return out;
  const auto replicates = bootstrap(patients, options, draws, difference);
  for (size_t k = 0; k < out.size(); ++k) {
    const std::vector<double> values = defined_values(replicates, k);
    if (values.empty()) continue;
    const auto below = static_cast<double>(std::count_if(values.begin(), values.end(), [](double value) { return value <= 0; }));
    const auto above = static_cast<double>(std::count_if(values.begin(), values.end(), [](double value) { return value >= 0; }));
    out[k].interval = percentile_interval(values, options.level);
    out[k].p_value = std::min(1.0, 2 * std::max(1.0, std::min(below, above)) / static_cast<double>(values.size()));
  }
  return out;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return kUndefined;
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double above_share = at - static_cast<double>(below);
  return below + 1 < values.size() ? std::lerp(values[below], values[below + 1], above_share) : values.back();
}

SeedSummary summarize_seeds(std::span<const double> values, double level) {
  if (values.empty()) return {kUndefined, kUndefined, {kUndefined, kUndefined, 0}};
  const auto n = static_cast<double>(values.size());
  SeedSummary out{0, kUndefined, {kUndefined, kUndefined, 0}};
  for (const double value : values) out.mean += value / n;
  if (values.size() < 2) return out;
  double squares = 0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean);
  out.standard_deviation = std::sqrt(squares / (n - 1));
  const double half = student_t_quantile((1 + level) / 2, n - 1) * out.standard_deviation / std::sqrt(n);
  out.interval = {out.mean - half, out.mean + half, 0};
  return out;
}

}  // namespace defound
