#pragma once
#include <string>

#include "defound/config/families.h"

namespace defound {

struct DataScanConfig : Config {
  DataOptions data;
  std::string output;
  bool json = false;
  int64_t threads = 0;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// Opens every image of --data and tells counts by class and split, sizes, unreadable files and duplicates (same
/// bytes); returns a table, or one JSON object. With --output writes a manifest of the readable images;
/// rejects (exit 2) one that exists, before anything is read.
std::string data_scan(DataScanConfig& config);

}  // namespace defound
