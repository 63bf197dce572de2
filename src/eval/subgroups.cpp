#include "defound/eval/subgroups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include "defound/eval/confidence_intervals.h"

namespace defound {
namespace {

std::optional<double> number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<Subgroup> cut_at_quartiles(const std::string& column, const std::vector<std::string>& values) {
  std::vector<double> numbers;
  for (const auto& value : values) if (!value.empty()) numbers.push_back(*number(value));
  const double low = quantile(numbers, 0), high = quantile(numbers, 1);
  std::vector<double> edges;   // upper edges, the value itself included
  for (const double share : {0.25, 0.5, 0.75, 1.0})
    if (const double edge = quantile(numbers, share); edges.empty() || edge > edges.back()) edges.push_back(edge);
  std::vector<Subgroup> groups;
  for (size_t i = 0; i < edges.size(); ++i) {
    const std::string text = i == 0 ? fmt::format("{:g} \u2013 {:g}", low, edges[0]) : fmt::format("over {:g}, up to {:g}", edges[i - 1], i + 1 == edges.size() ? high : edges[i]);
    groups.push_back({column, text, {}});
  }
  for (size_t row = 0; row < values.size(); ++row) {
    if (values[row].empty()) continue;
    const auto at = std::lower_bound(edges.begin(), edges.end(), *number(values[row])) - edges.begin();
    groups[static_cast<size_t>(at)].rows.push_back(static_cast<int64_t>(row));
  }
  std::erase_if(groups, [](const Subgroup& group) { return group.rows.empty(); });
  return groups;
}

}  // namespace

std::vector<Subgroup> make_subgroups(const std::string& column, const std::vector<std::string>& values, int64_t most_values) {
  std::map<std::string, std::vector<int64_t>> by_value;
  for (size_t row = 0; row < values.size(); ++row) if (!values[row].empty()) by_value[values[row]].push_back(static_cast<int64_t>(row));
  std::vector<Subgroup> groups;
  if (static_cast<int64_t>(by_value.size()) <= most_values) {
    for (auto& [value, rows] : by_value) groups.push_back({column, value, std::move(rows)});
  } else if (std::all_of(by_value.begin(), by_value.end(), [](const auto& entry) { return number(entry.first).has_value(); })) {
    groups = cut_at_quartiles(column, values);
  }
  return groups.size() < 2 ? std::vector<Subgroup>() : groups;
}

}  // namespace defound
