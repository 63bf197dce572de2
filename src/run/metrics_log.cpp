#include "defound/run/metrics_log.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "defound/core/error.h"

namespace defound {
namespace {

using Json = nlohmann::ordered_json;

/// Nothing for a line that was torn off or is not ours.
std::optional<MetricsRow> parse_row(const std::string& line) {
  const Json values = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!values.is_object() || !values.contains("step") || !values["step"].is_number_integer()) return std::nullopt;
  MetricsRow row{values["step"].get<int64_t>(), {}};
  for (const auto& [name, value] : values.items()) {
    if (name == "step") continue;
    if (!value.is_number() && !value.is_null()) return std::nullopt;
    row.values.emplace_back(name, value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return row;
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& path, int64_t keep_through) : path_(path) {
  if (fs::exists(path)) {
    const std::string before = read_text(path);
    std::string kept;
    for (size_t begin = 0, end = 0; (end = before.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string line = before.substr(begin, end - begin);
      const auto row = parse_row(line);
      if (row && row->step <= keep_through) kept += line + "\n";
    }
    if (kept != before) write_atomic(path, kept);
  }
  file_.open(path, std::ios::binary | std::ios::app);
  if (!file_) fail("cannot write {}: {}", path.string(), std::strerror(errno));
}

void MetricsLog::write(int64_t step, const NamedValues& values) {
  Json row = {{"step", step}};
  for (const auto& [name, value] : values) row[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  const auto before = file_.tellp();
  if (file_ << row.dump() << "\n" << std::flush) return;
  const int reason = errno;
  file_.close();
  std::error_code ignored;
  fs::resize_file(path_, static_cast<uintmax_t>(before), ignored);  // no half line
  fail("cannot write {}: {}", path_.string(), std::strerror(reason));
}

std::vector<MetricsRow> read_metrics(const fs::path& path) {
  const std::string text = read_text(path);
  std::vector<MetricsRow> rows;
  for (size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    if (auto row = parse_row(text.substr(begin, end - begin))) rows.push_back(std::move(*row));
  return rows;
}

}  // namespace defound
