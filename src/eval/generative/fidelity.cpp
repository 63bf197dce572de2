#include "defound/eval/generative/fidelity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "defound/eval/generative/frechet_distance.h"
#include "defound/eval/generative/manifolds.h"

namespace defound {
namespace {

constexpr int64_t kKernelRows = 2000;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN(), kInfinite = std::numeric_limits<double>::infinity();

struct MetricRange {
  const char* name;
  double least, most;
};
constexpr MetricRange kFidelity[] = {{"frechet_distance", 0, kInfinite},
                                     {"kernel_distance", -kInfinite, kInfinite},
                                     {"precision", 0, 1},
                                     {"recall", 0, 1},
                                     {"density", 0, kInfinite},
                                     {"coverage", 0, 1}};

/// At most `most` numbers of 0 .. count-1, evenly spaced.
std::vector<int64_t> spaced_rows(int64_t count, int64_t most) {
  std::vector<int64_t> rows(static_cast<size_t>(std::min(count, most)));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i) * count / static_cast<int64_t>(rows.size());
  return rows;
}

std::vector<int64_t> counts_at(Counts counts, const std::vector<int64_t>& rows) {
  std::vector<int64_t> out;
  for (const int64_t row : rows) out.push_back(counts[static_cast<size_t>(row)]);
  return out;
}

/// All metrics of one pair of sets, of which rows count more or less often.
class FidelityStatistic {
 public:
  FidelityStatistic(const torch::Tensor& real, const torch::Tensor& synthetic, int64_t nearest)
      : real_(real),
        synthetic_(synthetic),
        real_rows_(spaced_rows(real.size(0), kKernelRows)),
        synthetic_rows_(spaced_rows(synthetic.size(0), kKernelRows)),
        kernel_(real.index_select(0, torch::tensor(real_rows_).to(real.device())),
                synthetic.index_select(0, torch::tensor(synthetic_rows_).to(real.device()))) {
    if (real.size(0) > nearest && synthetic.size(0) > nearest) manifolds_.emplace(real, synthetic, nearest);
  }
  std::vector<double> values(Counts real, Counts synthetic) const {
    const ManifoldShares shares = manifolds_ ? manifolds_->shares(real, synthetic) : ManifoldShares{kNone, kNone, kNone, kNone};
    return {frechet_distance(real_, synthetic_, real, synthetic),
            kernel_.value(counts_at(real, real_rows_), counts_at(synthetic, synthetic_rows_)),
            shares.precision,
            shares.recall,
            shares.density,
            shares.coverage};
  }

 private:
  torch::Tensor real_, synthetic_;
  std::vector<int64_t> real_rows_, synthetic_rows_;
  KernelDistance kernel_;
  std::optional<Manifolds> manifolds_;
};

/// Replicates of a biased statistic tell its spread: they are moved so that their mean is the value.
Interval centered_interval(double value, std::vector<double> replicates, double level, const MetricRange& range) {
  std::erase_if(replicates, [](double replicate) { return !std::isfinite(replicate); });
  if (replicates.empty() || !std::isfinite(value)) return {kNone, kNone, 0};
  const double shift = value -
                       std::accumulate(replicates.begin(), replicates.end(), 0.0) / static_cast<double>(replicates.size());
  const auto at = [&](double share) { return std::clamp(quantile(replicates, share) + shift, range.least, range.most); };
  return {at((1 - level) / 2), at((1 + level) / 2), static_cast<int64_t>(replicates.size())};
}

}  // namespace

std::vector<FidelityMetric> fidelity(const FeatureSet& real, const FeatureSet& synthetic, const FidelityOptions& options,
                                     const Draws& draws) {
  const torch::NoGradGuard no_grad;
  const auto reals = static_cast<size_t>(real.features.size(0)), made = static_cast<size_t>(synthetic.features.size(0));
  const FidelityStatistic statistic(real.features, synthetic.features, options.nearest);
  std::vector<double> values = statistic.values(std::vector<int64_t>(reals, 1), std::vector<int64_t>(made, 1));
  values[1] = kernel_distance(real.features, synthetic.features, options.kernel, draws.purpose("kernel")).mean;

  std::vector<std::string> names = real.patients;
  names.insert(names.end(), synthetic.patients.begin(), synthetic.patients.end());
  std::vector<int64_t> set(reals + made, 0);   // a stratum: each set is drawn for itself
  std::fill(set.begin() + static_cast<std::ptrdiff_t>(reals), set.end(), 1);
  const BootstrapOptions bootstrapped{options.resamples, options.level, /*stratified=*/true, /*threads=*/1};
  const auto replicates = bootstrap(group_by_patient(names, set), bootstrapped, draws.purpose("bootstrap"), [&](Counts counts) {
    return statistic.values(counts.first(reals), counts.subspan(reals));
  });
  std::vector<FidelityMetric> out;
  for (size_t k = 0; k < values.size(); ++k) {
    std::vector<double> column;
    for (const auto& replicate : replicates) column.push_back(replicate[k]);
    out.push_back({kFidelity[k].name, values[k], centered_interval(values[k], std::move(column), options.level, kFidelity[k])});
  }
  return out;
}

}  // namespace defound
