#include "audit_fidelity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "defound/core/log.h"

namespace defound {
namespace {

constexpr const char* kRealTest = "real split test";

FeatureSet feature_set(const ImageTable& table, const torch::Tensor& features, const std::vector<int64_t>& rows) {
  FeatureSet set{features.index_select(0, torch::tensor(rows, torch::kInt64)), {}};
  for (const int64_t row : rows) {
    const ImageRow& image = table.rows[static_cast<size_t>(row)];
    set.patients.push_back(image.patient_known ? image.patient : "");
  }
  return set;
}

std::vector<int64_t> rows_of_class(const ImageTable& table, const std::vector<int64_t>& rows, int64_t of_class) {
  std::vector<int64_t> out;
  for (const int64_t row : rows)
    if (of_class < 0 || table.rows[static_cast<size_t>(row)].label == of_class) out.push_back(row);
  return out;
}

std::vector<int64_t> every_row(const ImageTable& table) {
  std::vector<int64_t> rows(table.rows.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
  return rows;
}

FidelityGroup compare(const std::string& name, const FeatureSet& real, const FeatureSet& synthetic, const AuditConfig& config) {
  const FidelityOptions options{
      config.nearest, {config.subsets, config.subset_size}, config.resamples, config.confidence_level};
  log::info("fidelity: {}, {} synthetic against {} real images", name, synthetic.patients.size(), real.patients.size());
  return {name, static_cast<int64_t>(synthetic.patients.size()), static_cast<int64_t>(real.patients.size()),
          fidelity(real, synthetic, options, Draws(static_cast<uint64_t>(config.run.seed), "audit.fidelity." + name))};
}

std::string fidelity_number(double value) {
  if (!std::isfinite(value)) return "\u2013";
  return std::abs(value) < 100 ? fmt::format("{:.3g}", value) : fmt::format("{:.0f}", value);
}
std::string fidelity_cell(const FidelityMetric& metric) {
  if (std::isnan(metric.interval.low)) return fidelity_number(metric.value);
  return fmt::format("{}\n{} \u2013 {}", fidelity_number(metric.value), fidelity_number(metric.interval.low),
                     fidelity_number(metric.interval.high));
}

}  // namespace

std::vector<FidelityGroup> audit_fidelity(const AuditSets& sets, const AuditConfig& config) {
  const std::vector<int64_t> made = every_row(sets.synthetic), train = training_row_numbers(sets.reference);
  const auto real_set = [&](const std::vector<int64_t>& rows) {
    return feature_set(sets.reference, sets.reference_features, rows);
  };
  std::vector<FidelityGroup> groups;
  const auto classes = sets.labelled ? static_cast<int64_t>(sets.reference.classes.size()) : int64_t{0};
  for (int64_t c = -1; c < classes; ++c)
    groups.push_back(compare(
        c < 0 ? "all" : sets.reference.classes[static_cast<size_t>(c)], real_set(rows_of_class(sets.reference, train, c)),
        feature_set(sets.synthetic, sets.synthetic_features, rows_of_class(sets.synthetic, made, c)), config));
  std::vector<int64_t> test;
  for (int64_t row = 0; row < sets.reference.size(); ++row)
    if (sets.reference.rows[static_cast<size_t>(row)].split == "test") test.push_back(row);
  if (!test.empty()) groups.push_back(compare(kRealTest, real_set(train), real_set(test), config));
  return groups;
}

Json fidelity_json(const std::vector<FidelityGroup>& groups, const std::vector<std::string>& classes) {
  Json out = {{"metrics", Json::object()}, {"per_class", Json::object()}, {"real_test_split", Json::object()}};
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool is_class = i > 0 && i <= classes.size() && groups[i].name == classes[i - 1];
    Json& entry = i == 0 ? out["metrics"] : is_class ? out["per_class"][groups[i].name] : out["real_test_split"];
    for (const FidelityMetric& metric : groups[i].metrics)
      entry[metric.name] = {{"value", metric.value},        {"low", metric.interval.low},
                            {"high", metric.interval.high}, {"synthetic", groups[i].synthetic},
                            {"real", groups[i].real},       {"resamples", metric.interval.resamples}};
  }
  return out;
}

void add_fidelity(Report& report, const std::vector<FidelityGroup>& groups, const AuditConfig& config) {
  report.heading("Fidelity and coverage");
  std::vector<std::string> header{"images", "synthetic", "real"};
  for (const FidelityMetric& metric : groups.front().metrics) header.push_back(metric.name);
  std::vector<std::vector<std::string>> rows;
  for (const FidelityGroup& group : groups) {
    rows.push_back({group.name, std::to_string(group.synthetic), std::to_string(group.real)});
    for (const FidelityMetric& metric : group.metrics) rows.back().push_back(fidelity_cell(metric));
  }
  report.table(header, rows);
  report.paragraph(
      fmt::format("Distances are better when lower, the others when higher; k is {}. In the row '{}' real images stand in for "
                  "the synthetic ones: what is within reach. All depend on "
                  "the numbers of images, so compare rows of like numbers only. Intervals ({:g} %): bootstrap over real "
                  "patients and synthetic images, {} resamples.",
                  config.nearest, kRealTest, 100 * config.confidence_level, config.resamples));
}

}  // namespace defound
