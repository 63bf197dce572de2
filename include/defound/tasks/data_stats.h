#pragma once
#include <string>

#include "defound/config/families.h"

namespace defound {

struct DataStatsConfig : Config {
  DataOptions data;
  bool json = false;
  int64_t threads = 0;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// Mean and standard deviation of each channel over all pixels (0..1), sizes, and class balance of --data; returns a
/// table, or one JSON object. Large JPEGs are read at 1/2 to 1/8, which leaves the mean and lowers the deviation a little.
std::string data_stats(DataStatsConfig& config);

}  // namespace defound
