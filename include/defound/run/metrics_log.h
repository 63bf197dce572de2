#pragma once
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "defound/core/files.h"

namespace defound {

using NamedValues = std::vector<std::pair<std::string, double>>;

/// metrics.jsonl: one JSON object a line, "step" first. Non-finite numbers are written as null.
class MetricsLog {
 public:
  /// Rows of a step above `keep_through` are cut off: on resume the file goes back to the checkpoint's step.
  explicit MetricsLog(const fs::path& path, int64_t keep_through = 0);
  void write(int64_t step, const NamedValues& values);

 private:
  fs::path path_;
  std::ofstream file_;
};

struct MetricsRow {
  int64_t step = 0;
  NamedValues values;
};
std::vector<MetricsRow> read_metrics(const fs::path& path);

}  // namespace defound
